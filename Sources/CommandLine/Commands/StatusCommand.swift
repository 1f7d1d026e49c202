package import ArgumentParser
import Message

/// `telepresence status`: the daemons, the connection and the attachments.
package struct StatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the daemons, the connection and its attachments."
    )

    @OptionGroup package var global: GlobalOptions

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let paths = StatePaths()
            var output = StatusOutput()
            if let client = try await DaemonClient.running(paths: paths, name: global.use) {
                output = StatusOutput(try await client.status())
                await client.close()
            }
            if global.format == .json {
                terminal.result(try OutputFormat.json(output))
            } else {
                terminal.result(output.text)
            }
        }
    }
}
