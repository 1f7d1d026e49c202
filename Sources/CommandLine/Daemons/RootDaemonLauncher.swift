import Call
import Foundation
import Message

/// Starts and ends the root daemon, which needs privilege: by `sudo` where the caller has none.
package struct RootDaemonLauncher {
    private let paths: StatePaths

    package init(paths: StatePaths) {
        self.paths = paths
    }

    /// Makes sure that a root daemon runs.
    package func ensure(_ terminal: Terminal) async throws {
        let socket = paths.rootDaemonSocket
        if await answers(socket) { return }
        terminal.progress("Starting the root daemon")
        let command = [
            try DetachedDaemon.ownExecutable(), HiddenCommand.rootDaemon,
            "--socket", socket, "--allow-uid", String(getuid()), "--log", paths.rootDaemonLog,
        ]
        if geteuid() == 0 {
            _ = try DetachedDaemon.start(command, log: paths.rootDaemonLog)
        } else {
            try await startBySudo(command, terminal)
        }
        guard await Deadline.wait(seconds: 10, until: { await answers(socket) }) else {
            throw CommandError("the root daemon did not start; its log is \(paths.rootDaemonLog)")
        }
    }

    /// Ends the root daemon, if it runs.
    package func stop() async throws {
        guard let line = try? await CallLine(path: paths.rootDaemonSocket) else { return }
        _ = try? await line.client.unary(RootDaemonCalls.quit, Empty(), timeout: .seconds(5))
        await line.close()
    }

    private func answers(_ socket: String) async -> Bool {
        guard let line = try? await CallLine(path: socket) else { return false }
        await line.close()
        return true
    }

    private func startBySudo(_ command: [String], _ terminal: Terminal) async throws {
        terminal.clear()
        terminal.note("The root daemon makes the virtual interface and the routes; sudo may ask for your password.")
        let status: Int32
        do {
            // -b: sudo asks in the foreground, then leaves the daemon behind.
            status = try await ChildProgram(
                arguments: ["sudo", "-b", "--"] + command,
                environment: ProcessInfo.processInfo.environment
            ).run()
        } catch {
            throw CommandError(
                "the root daemon needs root, and sudo cannot be run: \(error)",
                remedy: "telepresence connect --isolated (needs no privilege), or run as root"
            )
        }
        guard status == 0 else {
            throw CommandError(
                "the root daemon needs root, and sudo refused (exit status \(status))",
                remedy: "telepresence connect --isolated (needs no privilege), or run as root"
            )
        }
    }
}
