package import ArgumentParser

/// `telepresence leave NAME` (also `detach`): ends an attachment.
package struct LeaveCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract: "End an attachment.",
        aliases: ["detach"]
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "The attachment's name; with --container the workload's will do.")
    var name: String

    @Option(name: [.short, .long], help: "Its container, where several of a workload are attached to.")
    var container: String?

    @Option(name: [.short, .long], help: "Its namespace, where two have the same name.")
    var namespace: String?

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let client = try await DaemonClient.connected(paths: StatePaths(), name: global.use)
            try await client.leave(name: name, namespace: namespace ?? "", container: container ?? "")
            await client.close()
            terminal.result(global.format.isStructured ? try global.format.encode(["left": name]) : "Left \(name)")
        }
    }
}
