package import ArgumentParser
import Kernel
import Message

/// `telepresence logs [-f] [--of WHO]`: what a component has logged, wherever it runs.
package struct LogsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show what a component has logged, and follow it.",
        discussion: "Each component keeps its last lines; the log files of the daemons have more."
    )

    @OptionGroup package var global: GlobalOptions

    @Flag(name: [.short, .long], help: "Go on with what is logged from now on.")
    var follow = false

    @Option(name: .customLong("of"), help: ArgumentHelp("Whose: userd, rootd, manager, agent/POD.", valueName: "who"))
    var component: String?

    @Option(help: ArgumentHelp("No older lines than this, such as 5m.", valueName: "time"))
    var since: DurationArgument?

    @Option(help: ArgumentHelp("No more than so many old lines.", valueName: "lines"))
    var tail: UInt32?

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let line = try await StatusLine.open(component, paths: StatePaths(), use: global.use)
            var request = LogRequest(follow: follow, tail: tail ?? 0)
            request.sinceMilliseconds = since?.milliseconds ?? 0
            // What ends is one document; what goes on is one after the other.
            let isList = !follow && (global.format == .json || global.format == .yaml)
            var list: [LogLineOutput] = []
            try await line.logs(request) { entry in
                if isList { return list.append(LogLineOutput(entry)) }
                terminal.result(
                    global.format.isStructured
                        ? try global.format.encodeNext(LogLineOutput(entry)) : entry.display
                )
            }
            await line.close()
            if isList { terminal.result(try global.format.encode(list)) }
        }
    }
}

/// A line of a log as JSON.
struct LogLineOutput: Encodable {
    var at, level, label, text: String

    init(_ line: LogLine) {
        at = WallClock.text(line.at)
        level = line.level
        label = line.label
        text = line.text
    }
}

extension LogLine {
    /// As a log file has it.
    var display: String { "\(WallClock.text(at)) \(level) \(label): \(text)" }
}
