package import ArgumentParser
import Message

/// `telepresence loglevel LEVEL`: changes what is logged, at the workstation and in the cluster, for some time.
package struct LogLevelCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "loglevel",
        abstract: "Change the log level of all components for some time."
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "trace, debug, info, notice, warning, error or critical.")
    var level: String

    @Option(name: [.short, .long], help: "How long the level lasts; 0 is until the component ends.")
    var duration = DurationArgument(milliseconds: 30 * 60_000)

    @Flag(name: [.short, .long], help: "Only the daemons at this workstation.")
    var localOnly = false

    @Flag(name: [.short, .long], help: "Only the traffic manager and the traffic agents.")
    var remoteOnly = false

    package init() {}

    package func validate() throws {
        if localOnly, remoteOnly { throw ValidationError("--local-only and --remote-only exclude each other") }
    }

    package func run() async throws {
        try await global.run { terminal in
            var request = LogLevelRequest(level: level == "warn" ? "warning" : level, agents: true)
            // Rounded up: 0 would mean for ever.
            request.durationSeconds = (duration.milliseconds + 999) / 1000
            var changes: [LevelChange] = []
            let paths = StatePaths()
            if !remoteOnly {
                if let change = try await change("rootd", request, paths, optional: true) { changes.append(change) }
                if let change = try await change("userd", request, paths, optional: localOnly) {
                    changes.append(change)
                }
            }
            if !localOnly, let change = try await change("manager", request, paths, optional: false) {
                changes.append(change)
            }
            if changes.isEmpty { throw CommandError("no daemon is running", remedy: "telepresence connect") }
            if global.format.isStructured {
                terminal.result(try global.format.encode(changes))
            } else {
                for change in changes { terminal.result(change.text(level: request.level)) }
            }
        }
    }

    private func change(
        _ name: String,
        _ request: LogLevelRequest,
        _ paths: StatePaths,
        optional: Bool
    ) async throws -> LevelChange? {
        let line: StatusLine
        do {
            line = try await StatusLine.open(name, paths: paths, use: global.use)
        } catch  where optional {
            return nil
        }
        let result = try await line.setLevel(request)
        await line.close()
        return LevelChange(component: name, former: result.former, agents: result.agents)
    }
}

/// What a change of level did to a component.
struct LevelChange: Encodable {
    var component: String
    var former: String
    var agents: UInt32

    func text(level: String) -> String {
        let told = agents == 1 ? ", and 1 traffic agent" : agents > 1 ? ", and \(agents) traffic agents" : ""
        return "\(component): \(level) (was \(former))\(told)"
    }
}
