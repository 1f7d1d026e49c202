package import ArgumentParser
import Message

/// `telepresence status`: the daemons, the connection and the attachments.
package struct StatusCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the daemons, the connection and its attachments."
    )

    @OptionGroup package var global: GlobalOptions

    @Flag(help: "Go on: show what changes, until interrupted.")
    var watch = false

    @Option(
        name: .customLong("of"),
        help: ArgumentHelp("Whose state: userd, rootd, manager, agent/POD, session/ID.", valueName: "who")
    )
    var component: String?

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            if watch || component != nil { return try await show(terminal) }
            let paths = StatePaths()
            var output = StatusOutput()
            if let client = try await DaemonClient.running(paths: paths, name: global.use) {
                output = StatusOutput(try await client.status())
                await client.close()
            }
            if global.format.isStructured {
                terminal.result(try global.format.encode(output))
            } else {
                terminal.result(output.text)
            }
        }
    }

    /// The state of one component, and with `--watch` what changes in it.
    private func show(_ terminal: Terminal) async throws {
        let line = try await StatusLine.open(component, paths: StatePaths(), use: global.use)
        guard watch else {
            let state = try await line.snapshot()
            await line.close()
            return terminal.result(
                global.format.isStructured
                    ? try global.format.encode(StatusReportOutput(state))
                    : StatusText.lines(state).joined(separator: "\n")
            )
        }
        var state = StatusReport()
        try await line.watch(once: false) { report in
            state.apply(report)
            if global.format.isStructured {
                terminal.result(try global.format.encodeNext(StatusReportOutput(report)))
            } else if terminal.isScreen {
                if !report.more { terminal.screen(StatusText.lines(state)) }
            } else {
                terminal.result(StatusText.lines(report).joined(separator: "\n"))
            }
        }
        await line.close()
    }
}
