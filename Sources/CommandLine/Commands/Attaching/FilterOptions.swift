import ArgumentParser
import Message

/// Which HTTP requests an intercept is for, and what is noted about it.
///
/// Of headers and paths only what cannot be sent to the user daemon is judged here: it knows what agents can follow.
struct FilterOptions: ParsableArguments {
    @Option(
        name: .customLong("http-header"),
        help: ArgumentHelp(
            "Only requests with this header and this value. Repeated, a request must have all of them.",
            valueName: "name=value"
        )
    )
    var headers: [String] = []

    @Option(
        name: .customLong("http-path-equal"),
        help: ArgumentHelp("Only requests for this path.", valueName: "path")
    )
    var pathEqual: String?

    @Option(
        name: .customLong("http-path-prefix"),
        help: ArgumentHelp("Only requests for paths that begin with this.", valueName: "path")
    )
    var pathPrefix: String?

    @Option(
        name: .customLong("http-path-regex"),
        help: ArgumentHelp("Only requests for paths in which this regular expression is found.", valueName: "regex")
    )
    var pathRegex: String?

    @Flag(help: "Requests come here in plain text, also where callers use TLS.")
    var plaintext = false

    @Option(
        help: ArgumentHelp("A note for others to read. May be repeated.", valueName: "name=value")
    )
    var metadata: [String] = []

    init() {}

    /// Adds what is asked for to `spec`.
    ///
    /// - Throws: what cannot be meant, naming the option.
    func apply(to spec: inout AttachmentSpec) throws(CommandError) {
        for text in headers {
            guard let (name, value) = Self.pair(text, separators: "=:") else {
                throw Self.wrong("--http-header \(text)", "it has the form NAME=VALUE", "--http-header x-user=ann")
            }
            let former = spec.headers.updateValue(value, forKey: name.lowercased())
            if let former, former != value {
                let reason = "\(name) is to be \"\(former)\" as well, and no request can have both"
                throw Self.wrong("--http-header \(text)", reason, "one value for each header")
            }
        }
        let paths: [(String?, PathMatch)] = [(pathEqual, .equal), (pathPrefix, .prefix), (pathRegex, .regex)]
        for (path, match) in paths {
            guard let path else { continue }
            guard spec.pathMatch == .unknown else {
                let names = "--http-path-equal, --http-path-prefix and --http-path-regex"
                throw Self.wrong("--http-path-\(match) \(path)", "there is another condition", "one of \(names)")
            }
            (spec.path, spec.pathMatch) = (path, match)
        }
        for text in metadata {
            guard let (name, value) = Self.pair(text, separators: "=") else {
                throw Self.wrong("--metadata \(text)", "it has the form NAME=VALUE", "--metadata ticket=1234")
            }
            guard spec.metadata.updateValue(value, forKey: name) == nil else {
                throw Self.wrong("--metadata \(text)", "\(name) is noted twice", "one value for each name")
            }
        }
        spec.plaintext = plaintext
    }

    /// The two sides of the first separator, the second without white space around it.
    private static func pair(_ text: String, separators: String) -> (name: String, value: String)? {
        guard let mark = text.firstIndex(where: separators.contains), mark > text.startIndex else { return nil }
        var value = text[text.index(after: mark)...]
        while let first = value.first, first == " " || first == "\t" { value.removeFirst() }
        while let last = value.last, last == " " || last == "\t" { value.removeLast() }
        return (String(text[..<mark]), String(value))
    }

    private static func wrong(_ option: String, _ reason: String, _ remedy: String) -> CommandError {
        CommandError("\(option): \(reason)", remedy: remedy, exitCode: 64)
    }
}
