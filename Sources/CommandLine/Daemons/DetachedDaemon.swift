import Foundation
import Kernel

/// Starts a daemon that outlives the command: own session, no terminal, its output in a log file.
package enum DetachedDaemon {
    /// Starts `arguments` (an absolute path first) with standard output and error appended to `log`.
    ///
    /// - Returns: the daemon's process id.
    package static func start(_ arguments: [String], log: String, environment: [String: String]? = nil) throws -> Int32
    {
        let launch = ProgramLaunch(
            arguments[0],
            Array(arguments.dropFirst()),
            environment: environment,
            files: [
                STDIN_FILENO: .null,
                STDOUT_FILENO: .path(log, flags: O_WRONLY | O_CREAT | O_APPEND, mode: 0o600),
                STDERR_FILENO: .descriptor(STDOUT_FILENO),
            ]
        )
        do throws(SystemError) {
            return try launch.start()
        } catch {
            throw CommandError("cannot start \(arguments[0]): \(error.reason)")
        }
    }

    /// Called first thing in a daemon's process, while it has one thread: makes it leave the terminal's session, and
    /// closes what the command inherited (pipes of a script, say), which a daemon must not keep open.
    package static func enter() {
        _ = setsid()
        let inherited = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        for number in inherited.compactMap({ Int32($0) }) where number > STDERR_FILENO { close(number) }
    }

    /// The running program's own file.
    package static func ownExecutable() throws -> String {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        guard count > 0 else { throw CommandError("cannot read /proc/self/exe: \(String(cString: strerror(errno)))") }
        return String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
