package import ArgumentParser
import Foundation
import Message

/// `telepresence config view`: what applies, and where it comes from.
package struct ConfigViewCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "view",
        abstract: "Show the configuration that applies, and where each value comes from.",
        discussion: """
            Values come from environment variables, config.yml, the kubeconfig, and the traffic manager; what is given with \
            an option counts more. Of config.yml intercept.mountsRoot is read.
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Flag(name: [.customShort("c"), .long], help: "Only what applies at this workstation; no daemon is asked.")
    var clientOnly = false

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let paths = StatePaths()
            var output = try ConfigOutput(paths: paths, environment: ProcessInfo.processInfo.environment)
            if !clientOnly, let client = try await DaemonClient.running(paths: paths, name: global.use) {
                output.connection = try await client.status().connection.map(ConfigOutput.connection)
                await client.close()
            }
            let format = global.format.isStructured ? global.format : .yaml
            terminal.result(try format.encode(output))
        }
    }
}
