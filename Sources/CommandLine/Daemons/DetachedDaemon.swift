import Foundation

/// Starts a daemon that outlives the command: own session, no terminal, its output in a log file.
package enum DetachedDaemon {
    /// Starts `arguments` (an absolute path first) with standard output and error appended to `log`.
    ///
    /// - Returns: the daemon's process id.
    package static func start(_ arguments: [String], log: String, environment: [String: String]? = nil) throws -> Int32
    {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var defaults = sigset_t()
        sigfillset(&defaults)
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        // What the calling thread blocks would be blocked in the daemon, and in every program that it starts.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0.key)=\($0.value)" }
        var entries: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) }
        entries.append(nil)
        defer { (words + entries).forEach { free($0) } }
        var pid: pid_t = 0
        let error = posix_spawn(&pid, arguments[0], &actions, &attributes, &words, &entries)
        guard error == 0 else {
            throw CommandError("cannot start \(arguments[0]): \(String(cString: strerror(error)))")
        }
        return pid
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
