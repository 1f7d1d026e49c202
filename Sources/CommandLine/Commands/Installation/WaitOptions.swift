import ArgumentParser

/// Whether and how long a command waits for the cluster.
struct WaitOptions: ParsableArguments {
    @Flag(inversion: .prefixedNo, help: "Wait until the cluster has done it.")
    var wait = true

    @Option(help: ArgumentHelp("How long to wait, in seconds, or such as 90s or 5m.", valueName: "time"))
    var timeout: String = "120s"

    init() {}

    func validate() throws { _ = try seconds() }

    /// The limit; nil when nothing is waited for.
    func limit() throws -> Duration? { wait ? .seconds(try seconds()) : nil }

    private func seconds() throws -> Int {
        let digits = timeout.prefix { $0.isASCII && $0.isNumber }
        let factor =
            switch timeout.dropFirst(digits.count) {
            case "", "s": 1
            case "m": 60
            case "h": 3600
            default: 0
            }
        guard factor > 0, let number = Int(digits), (1...86_400).contains(number) else {
            throw ValidationError("--timeout '\(timeout)' is no time such as 120, 90s or 5m")
        }
        return number * factor
    }
}
