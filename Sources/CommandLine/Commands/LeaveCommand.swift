package import ArgumentParser

/// `telepresence leave NAME` (also `detach`): ends an attachment.
package struct LeaveCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract: "End an attachment.",
        aliases: ["detach"]
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "The attachment's name.")
    var name: String

    @Option(name: [.short, .long], help: "Its namespace, where two have the same name.")
    var namespace: String?

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let client = try await DaemonClient.connected(paths: StatePaths(), name: global.use)
            try await client.leave(name: name, namespace: namespace ?? "")
            await client.close()
            terminal.result(global.format.isStructured ? try global.format.encode(["left": name]) : "Left \(name)")
        }
    }
}
