import Glibc
import Sandbox

/// `sandbox up --detach`.
enum Detached {
    /// Starts the same command in the background, and waits until it is ready or has failed.
    static func run(_ state: StateDirectory) throws {
        if let process = state.runningProcess {
            Exit.fail("a sandbox already runs in \(state.path) (process \(process))")
        }
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { Exit.fail("no pipe") }
        _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
        posix_spawn_file_actions_addclose(&actions, ends[1])
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        // POSIX_SPAWN_SETSID: no terminal's Ctrl-C reaches it.
        posix_spawnattr_setflags(&attributes, 0x80)
        let arguments = [Paths.program] + CommandLine.arguments.dropFirst().filter { $0 != "--detach" }
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        var process: pid_t = 0
        guard posix_spawn(&process, Paths.program, &actions, &attributes, &words, environ) == 0 else {
            Exit.fail("could not start \(Paths.program)")
        }
        close(ends[1])
        // The last words of a start that went well.
        let sign = CommandLine.arguments.contains("--no-hints") ? "Ready in" : "End it with"
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(ends[0], &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            _ = write(1, buffer, count)
            text += buffer[..<count]
            if String(decoding: text, as: UTF8.self).contains(sign) { Exit.now(0) }
        }
        Exit.now(1)
    }
}
