import Foundation
package import Message

/// Runs the user's programs where they see the cluster.
package struct ProgramRunner {
    private let info: ConnectionInfo

    package init(info: ConnectionInfo) {
        self.info = info
    }

    /// Runs `command` in the foreground with `environment` added to the caller's; returns its exit status.
    ///
    /// When `end` returns, the command is ended.
    package func run(
        _ command: [String],
        environment: [String: String],
        until end: (@Sendable () async -> Void)? = nil
    ) async throws -> Int32 {
        guard !command.isEmpty else { throw CommandError("no command is given after --", exitCode: 64) }
        let own = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        guard info.isolated else {
            return try await ChildProgram(arguments: command, environment: own).run(until: end)
        }
        // A process may enter a user namespace only while it has one thread, which this one no longer has.
        let enter = [try DetachedDaemon.ownExecutable(), HiddenCommand.enter, String(info.holderPID)]
        return try await ChildProgram(arguments: enter + command, environment: own).run(until: end)
    }
}
