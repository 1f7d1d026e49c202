package import Glibc

/// A program to be started, without a shell.
///
/// It begins with no signal blocked and with the default action for every signal, whatever the thread that starts it has: a
/// worker thread blocks nearly all of them, and a program that inherits that can be ended by nothing but SIGKILL. It gets
/// ``files`` and the standard streams, and of other descriptors at most those that we were started with.
package struct ProgramLaunch {
    /// What stands behind a descriptor's number in the program.
    package enum File {
        /// A descriptor of ours; stays ours.
        case descriptor(CInt)
        case path(String, flags: CInt, mode: mode_t = 0)

        /// Nothing to read, and nowhere to write.
        package static let null = File.path("/dev/null", flags: O_RDWR)
    }

    /// A path, or a name to be looked for on PATH.
    package var executable: String
    /// Without the program's own name.
    package var arguments: [String]
    /// Nil: ours.
    package var environment: [String: String]?
    /// By the number in the program, made in the order of the numbers, so that one may be a copy of one before; of the standard
    /// streams the others are ours.
    package var files: [CInt: File]
    /// It leads a session of its own, so that no terminal's Ctrl-C reaches it.
    package var startsSession = false
    /// It gets the descriptors that this process was started with: a program that our user runs by way of us.
    package var getsInherited = false

    package init(
        _ executable: String,
        _ arguments: [String] = [],
        environment: [String: String]? = nil,
        files: [CInt: File] = [:]
    ) {
        self.executable = executable
        self.arguments = arguments
        self.environment = environment
        self.files = files
    }

    /// Starts it.
    ///
    /// - Returns: its process, which the caller waits for.
    /// - Throws: the system's reason, `ENOENT` where there is no such program.
    package func start() throws(SystemError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, file) in files.sorted(by: { $0.key < $1.key }) {
            switch file {
            case .descriptor(let own): posix_spawn_file_actions_adddup2(&actions, own, number)
            case .path(let path, let flags, let mode):
                posix_spawn_file_actions_addopen(&actions, number, path, flags, mode)
            }
        }
        if getsInherited {
            InheritedDescriptors.seal()
        } else {
            let last = max(files.keys.max() ?? 0, STDERR_FILENO)
            for number in STDERR_FILENO...last where number > STDERR_FILENO && files[number] == nil {
                posix_spawn_file_actions_addclose(&actions, number)
            }
            InheritedDescriptors.withhold(from: last + 1, &actions)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        // POSIX_SPAWN_SETSID has no name in Swift.
        let session: CInt = startsSession ? 0x80 : 0
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | session))
        let variables = environment.map { $0.map { "\($0.key)=\($0.value)" } }
        var process: pid_t = 0
        let code = Self.withPointers([executable] + arguments) { words in
            guard let variables else {
                return posix_spawnp(&process, executable, &actions, &attributes, words, environ)
            }
            return Self.withPointers(variables) {
                posix_spawnp(&process, executable, &actions, &attributes, words, $0)
            }
        }
        guard code == 0 else { throw SystemError("start", executable, code: code) }
        return process
    }

    /// Starts it and waits for its end, on the calling thread; its exit status as ``status(of:)`` has it.
    package func run() throws(SystemError) -> CInt {
        try Self.status(of: start())
    }

    /// Waits for a program's end, on the calling thread.
    ///
    /// - Returns: its exit status; 128 plus the signal's number where a signal ended it, as a shell reports it.
    package static func status(of process: pid_t) throws(SystemError) -> CInt {
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw .last("wait") }
        }
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }

    private static func withPointers<Value>(
        _ texts: [String],
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Value
    ) -> Value {
        var pointers = texts.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(&pointers)
    }
}
