package import ArgumentParser
import Message

/// `telepresence version`: of the client, the daemons and the manager.
package struct VersionCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Show the versions of all components."
    )

    @OptionGroup package var global: GlobalOptions

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            var output = VersionOutput(client: ProductVersion.text)
            if let client = try await DaemonClient.running(paths: StatePaths(), name: global.use) {
                output = VersionOutput(try await client.status())
                await client.close()
            }
            terminal.result(global.format.isStructured ? try global.format.encode(output) : output.text)
        }
    }
}

/// What `version` prints; a component that does not run is left out.
struct VersionOutput: Encodable {
    var client: String
    var userDaemon: String?
    var rootDaemon: String?
    var trafficManager: String?

    init(client: String) {
        self.client = client
    }

    init(_ status: StatusInfo) {
        client = ProductVersion.text
        userDaemon = status.version
        rootDaemon = status.rootDaemon?.version
        trafficManager = status.connection?.managerVersion
    }

    var text: String {
        [
            "Client         : \(client)",
            "User daemon    : \(userDaemon ?? "not running")",
            "Root daemon    : \(rootDaemon ?? "not running")",
            "Traffic manager: \(trafficManager ?? "not connected")",
        ].joined(separator: "\n")
    }
}
