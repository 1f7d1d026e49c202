import Foundation

/// A program run in the foreground on the user's behalf: same terminal, same process group, exit status passed on.
///
/// Ctrl-C reaches the program by the terminal; SIGTERM and SIGHUP to us are forwarded. So the caller must ignore
/// SIGINT while it waits, which `run` does and undoes.
package struct ChildProgram {
    package let arguments: [String]
    package let environment: [String: String]

    package init(arguments: [String], environment: [String: String]) {
        self.arguments = arguments
        self.environment = environment
    }

    /// Starts the program, found on PATH, and waits for it in a thread of its own.
    ///
    /// - Returns: its exit status; 128 plus the signal's number where a signal ended it, as a shell reports it.
    /// - Throws: `CommandError` where it cannot be started (exit status 127, or 126 where it is not executable).
    package func run(started: (@Sendable (Int32) -> Void)? = nil) async throws -> Int32 {
        let pid = try spawn()
        started?(pid)
        let forwarded = [SIGTERM, SIGHUP]
        let old = signal(SIGINT, SIG_IGN)
        let queue = DispatchQueue(label: "signals")
        let sources = forwarded.map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { kill(pid, number) }
            source.resume()
            return source
        }
        let status = await withCheckedContinuation { (continuation: CheckedContinuation<Int32, Never>) in
            Thread.detachNewThread {
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                continuation.resume(returning: status)
            }
        }
        sources.forEach { $0.cancel() }
        forwarded.forEach { signal($0, SIG_DFL) }
        signal(SIGINT, old)
        let terminating = status & 0x7f
        return terminating == 0 ? (status >> 8) & 0xff : 128 + terminating
    }

    /// Starts the program, found on PATH.
    func spawn() throws -> pid_t {
        guard let name = arguments.first else { throw CommandError("no command is given after --", exitCode: 64) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The program starts with default signal dispositions, whatever ours are.
        var defaults = sigset_t()
        sigemptyset(&defaults)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT] { sigaddset(&defaults, number) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        // Nor with what the thread blocks that this happens to run on, or neither Ctrl-C nor we could end it.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") }
        variables.append(nil)
        defer { (words + variables).forEach { free($0) } }
        var pid: pid_t = 0
        let error = posix_spawnp(&pid, name, &actions, &attributes, &words, &variables)
        guard error == 0 else {
            throw CommandError(
                "cannot run \(name): \(String(cString: strerror(error)))",
                exitCode: error == ENOENT ? 127 : 126
            )
        }
        return pid
    }
}
