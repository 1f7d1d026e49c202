import Foundation
import Kernel

/// A program run in the foreground on the user's behalf: same terminal, same process group, exit status passed on.
///
/// Ctrl-C reaches the program by the terminal, and we outlive it; SIGTERM and SIGHUP to us are forwarded.
package struct ChildProgram {
    /// Between SIGTERM and SIGKILL, for a program that is to end.
    package static let patience = Duration.seconds(10)

    package let arguments: [String]
    package let environment: [String: String]

    package init(arguments: [String], environment: [String: String]) {
        self.arguments = arguments
        self.environment = environment
    }

    /// Starts the program, found on PATH, and waits for it in a thread of its own.
    ///
    /// - Parameters:
    ///   - patience: How long it may take to end when it is told to.
    ///   - end: When this returns, and is not cancelled, the program is told to end by SIGTERM, later by SIGKILL; cancelled
    ///     when the program has ended.
    /// - Returns: its exit status; 128 plus the signal's number where a signal ended it, as a shell reports it.
    /// - Throws: `CommandError` where it cannot be started (exit status 127, or 126 where it is not executable).
    package func run(
        patience: Duration = ChildProgram.patience,
        until end: (@Sendable () async -> Void)? = nil
    ) async throws -> Int32 {
        let signals = Signals(SIGINT, SIGTERM, SIGHUP)
        defer { signals.end() }
        let pid = try spawn()
        return await withTaskGroup(of: Int32?.self) { group in
            group.addTask { await Self.status(of: pid) }
            group.addTask {
                for await number in signals.numbers where number != SIGINT { kill(pid, number) }
                return nil
            }
            if let end {
                group.addTask {
                    await end()
                    guard !Task.isCancelled else { return nil }
                    kill(pid, SIGTERM)
                    try? await Task.sleep(for: patience)
                    if !Task.isCancelled { kill(pid, SIGKILL) }
                    return nil
                }
            }
            for await case let status? in group {
                group.cancelAll()
                return status
            }
            return 1
        }
    }

    private static func status(of pid: pid_t) async -> Int32 {
        let status = await withCheckedContinuation { (continuation: CheckedContinuation<Int32, Never>) in
            Thread.detachNewThread {
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                continuation.resume(returning: status)
            }
        }
        let terminating = status & 0x7f
        return terminating == 0 ? (status >> 8) & 0xff : 128 + terminating
    }

    /// Starts the program, found on PATH.
    func spawn() throws -> pid_t {
        guard let name = arguments.first else { throw CommandError("no command is given after --", exitCode: 64) }
        var launch = ProgramLaunch(name, Array(arguments.dropFirst()), environment: environment)
        launch.getsInherited = true
        do throws(SystemError) {
            return try launch.start()
        } catch {
            throw CommandError("cannot run \(name): \(error.reason)", exitCode: error.code == ENOENT ? 127 : 126)
        }
    }
}
