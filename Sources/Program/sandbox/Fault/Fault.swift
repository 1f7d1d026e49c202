import ArgumentParser

/// `sandbox fault`.
struct Fault: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Have things go wrong in a running sandbox, as they do in a real cluster.",
        discussion: """
            Each call changes what it names and leaves the rest as it was: `sandbox fault --throttle 0.3` and then `sandbox \
            fault --delay 200` give both. `sandbox fault clear` ends it all; `sandbox fault show` prints what is in force. \
            Shares are between 0 and 1.
            """,
        subcommands: [FaultSet.self, FaultClear.self, FaultShow.self],
        defaultSubcommand: FaultSet.self
    )
}
