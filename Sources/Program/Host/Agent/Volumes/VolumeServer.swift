import CKernel
import Glibc
import Kernel

/// The process that serves one container's volumes on its standard input and output: Debian's `sftp-server`, confined.
///
/// It runs as the agent's user, without any privilege, and confines itself before it becomes the SFTP server: it may read and
/// execute that program and its libraries, and use what lies below the container's mounts; everything else is refused by the
/// kernel, wherever links in the volumes may point. It must run while its process has one thread.
package enum VolumeServer {
    /// The hidden sub-command: `[--read-only] DIRECTORY`.
    package static let command = "serve-volumes"

    /// Where Debian's package openssh-sftp-server has the program.
    static let program = "/usr/lib/openssh/sftp-server"
    /// Where its libraries are; those that do not exist are passed over.
    static let libraries = [
        "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
        "/lib64", "/lib/ld-linux-aarch64.so.1",
    ]

    /// Why this machine cannot serve volumes; nil when it can.
    static func problem(landlock: Int = Landlock.version, program: String = VolumeServer.program) -> String? {
        guard access(program, X_OK) == 0 else {
            return "the agent's image has no \(program) (Debian's package openssh-sftp-server)"
        }
        guard landlock > 0 else {
            return "the node's kernel cannot confine the agent's file server to the volumes: it needs Landlock "
                + "(Linux 5.13 or later, with landlock among the kernel's lsm=)"
        }
        return nil
    }

    /// Runs the hidden sub-command; returns only on failure, with an exit status.
    package static func main(_ words: [String]) -> Int32 {
        let readOnly = words.first == "--read-only"
        guard let directory = words.last, directory.hasPrefix("/") else {
            complain("usage: \(command) [--read-only] DIRECTORY")
            return 64
        }
        do throws(SystemError) {
            try become(directory, readOnly: readOnly)
        } catch {
            complain("\(command): \(error)")
            return error.code == ENOENT ? 127 : 126
        }
    }

    private static func become(_ directory: String, readOnly: Bool) throws(SystemError) -> Never {
        _ = ck_close_from(3)
        guard chdir(directory) == 0 else { throw .last("chdir", directory) }
        // The agent's user is seldom known to the image, and the server asks for its name.
        let user = "volumes:x:\(geteuid()):\(getegid())::/:/usr/sbin/nologin\n"
        let users = try memoryFile(user)
        let groups = try memoryFile("volumes:x:\(getegid()):\n")
        var environment: [String: String] = [:]
        if libraries.contains(where: { access($0 + "/libnss_wrapper.so", R_OK) == 0 }) {
            environment = [
                "LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_PASSWD": users, "NSS_WRAPPER_GROUP": groups,
            ]
        }
        var rules = [
            Landlock.Rule(program, [.read, .execute]), Landlock.Rule("/dev/null", [.read, .write]),
            Landlock.Rule(directory, readOnly ? [.read, .list] : [.read, .list, .change]),
        ]
        rules += libraries.filter { access($0, F_OK) == 0 }.map { Landlock.Rule($0, [.read, .list, .execute]) }
        try Landlock.confine(rules)
        var options = ["sftp-server", "-e", "-l", "FATAL"]
        if readOnly { options.append("-R") }
        var arguments: [UnsafeMutablePointer<CChar>?] = options.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        execve(program, &arguments, &variables)
        throw .last("exec", program)
    }

    /// A file in memory that the program to come inherits; its path.
    private static func memoryFile(_ text: String) throws(SystemError) -> String {
        let number = ck_memory_file("volumes")
        guard number >= 0 else { throw .last("memfd_create") }
        let bytes = Array(text.utf8)
        guard write(number, bytes, bytes.count) == bytes.count else { throw .last("write", "memfd") }
        return "/proc/self/fd/\(number)"
    }

    private static func complain(_ text: String) {
        let bytes = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }

    /// Starts the process; what it reads and writes is at the other end of the socket.
    ///
    /// - Parameters:
    ///   - directory: What is served.
    ///   - readOnly: Nothing can be written.
    ///   - executable: A program that runs this hidden sub-command: the running one.
    /// - Returns: The socket, non-blocking.
    /// - Throws: When there are no processes or descriptors left.
    static func start(
        _ directory: String,
        readOnly: Bool,
        executable: String = "/proc/self/exe"
    ) throws(SystemError) -> Descriptor {
        let (near, far) = try UnixSockets.pair()
        try near.setNonBlocking(true)
        let words = [command] + (readOnly ? ["--read-only"] : []) + [directory]
        let process = try HostProgram.spawn(executable, words, standardInput: far, standardOutput: far)
        far.close()
        // It ends with its input; somebody has to take its status.
        let thread = try DedicatedThread.start {
            while waitpid(process, nil, 0) < 0, errno == EINTR {}
        }
        pthread_detach(thread)
        return near
    }
}
