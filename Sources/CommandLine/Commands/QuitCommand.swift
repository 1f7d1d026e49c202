package import ArgumentParser
import Message

/// `telepresence quit [-s]`: disconnects; with -s ends the daemons as well.
package struct QuitCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "quit",
        abstract: "Disconnect from the cluster.",
        discussion: "Everything that was changed on the workstation is undone. Without -s the daemons stay, idle."
    )

    @OptionGroup package var global: GlobalOptions

    @Flag(name: [.short, .long], help: "End the daemons as well.")
    var stopDaemons = false

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let paths = StatePaths()
            var was = false
            if let client = try await DaemonClient.running(paths: paths, name: global.use) {
                was = try await client.status().connection != nil
                terminal.progress("Disconnecting")
                try await client.quit(stopDaemons: stopDaemons)
                await client.close()
            }
            if stopDaemons, global.use == nil { try await RootDaemonLauncher(paths: paths).stop() }
            terminal.clear()
            let text = was ? "Disconnected" : "Not connected"
            terminal.result(global.format.isStructured ? try global.format.encode(["disconnected": was]) : text)
        }
    }
}
