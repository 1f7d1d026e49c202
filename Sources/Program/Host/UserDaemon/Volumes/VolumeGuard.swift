import CKernel
import Glibc
import Kernel

/// A small process between the user daemon and sshfs: whatever ends, the mount goes.
///
///     userd ──pipe──► guard ──child──► sshfs ──child──► volume-pipe ──socket──► userd
///
/// The guard takes the mount away when the pipe from the user daemon ends, however that one died, and when sshfs does; sshfs is
/// told to end when the guard dies. It writes `ready` once the mount is there, and the reason when it ends by itself.
package enum VolumeGuard {
    /// The hidden sub-command: `POINT SOURCE MOUNT-ID SOCKET ro|rw SSHFS`.
    package static let command = "volume-guard"
    /// How long sshfs may take to end when it is asked.
    private static let patience = 10

    /// Runs the guard on standard input and output; the exit status.
    package static func main(_ words: [String]) -> Int32 {
        guard words.count == 6 else { return 64 }
        _ = setsid()
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { signal(number, SIG_IGN) }
        let point = words[0]
        do throws(SystemError) {
            let (complaints, complain) = try Descriptor.pipe()
            let child = try start(words, complain)
            complain.close()
            let reason = try watch(child, point, complaints)
            end(child, point)
            if let reason { say(reason) }
            return reason == nil ? 0 : 1
        } catch {
            MountTable.unmount(point)
            say("\(error)")
            return 1
        }
    }

    /// What sshfs is told besides where to mount.
    static func options(source: String, guardian: pid_t, readOnly: Bool) -> [String] {
        let escaped = source.map { $0 == "," || $0 == "\\" ? "\\\($0)" : String($0) }.joined()
        return [
            "-f", "telepresence:", "-o", "reconnect", "-o", "ssh_command=/proc/\(guardian)/exe \(VolumePipe.command)",
            "-o", "fsname=\(escaped)", "-o", "subtype=sshfs",
            // Changes in the pod are seen within this time, in seconds.
            "-o", "dcache_timeout=2",
        ] + (readOnly ? ["-o", "ro"] : [])
    }

    private static func start(_ words: [String], _ complain: Descriptor) throws(SystemError) -> pid_t {
        let (point, source, mount, socket) = (words[0], words[1], words[2], words[3])
        let own = getpid()
        let arguments = [words[5]] + options(source: source, guardian: own, readOnly: words[4] == "ro") + [point]
        let child = ck_fork()
        guard child >= 0 else { throw .last("fork") }
        guard child == 0 else { return child }
        // sshfs takes its mount away itself then.
        _ = ck_parent_death_signal(SIGTERM)
        if getppid() != own { _exit(1) }
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { signal(number, SIG_DFL) }
        setenv(VolumePipe.socketVariable, socket, 1)
        setenv(VolumePipe.mountVariable, mount, 1)
        let null = open("/dev/null", O_RDWR)
        dup2(null, STDIN_FILENO)
        dup2(null, STDOUT_FILENO)
        dup2(complain.rawValue, STDERR_FILENO)
        var list: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        execv(words[5], &list)
        _exit(127)
    }

    /// Waits for an end; the reason, nil where the user daemon wants it.
    private static func watch(
        _ child: pid_t,
        _ point: String,
        _ complaints: Descriptor
    ) throws(SystemError) -> String? {
        let process = ck_pidfd_open(CInt(child))
        guard process >= 0 else { throw .last("pidfd_open") }
        let owned = Descriptor(process)
        defer { owned.close() }
        // Its state changes whenever something is mounted or unmounted.
        let table = try Descriptor.open("/proc/self/mountinfo", flags: O_RDONLY)
        var isReady = false
        var text: [UInt8] = []
        var isComplaining = true
        while true {
            let isThere = MountTable.contains(point)
            if isThere, !isReady {
                isReady = true
                say("ready")
            }
            if isReady, !isThere { return "it was unmounted" }
            var entries = [
                pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
                pollfd(fd: process, events: Int16(POLLIN), revents: 0),
                pollfd(fd: table.rawValue, events: Int16(POLLPRI), revents: 0),
                pollfd(fd: isComplaining ? complaints.rawValue : -1, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&entries, 4, -1) >= 0 || errno == EINTR else { throw .last("poll") }
            if entries[3].revents != 0 { isComplaining = read(complaints, into: &text) }
            if entries[0].revents != 0 { return nil }
            if entries[1].revents != 0 {
                while isComplaining { isComplaining = read(complaints, into: &text) }
                let said = String(decoding: text, as: UTF8.self).split(separator: "\n").last.map(String.init)
                return said ?? "sshfs ended"
            }
        }
    }

    /// False at the end.
    private static func read(_ pipe: Descriptor, into text: inout [UInt8]) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 1024)
        let count = Glibc.read(pipe.rawValue, &buffer, buffer.count)
        if count > 0 { text = Array((text + buffer[..<count]).suffix(4096)) }
        return count > 0
    }

    private static func end(_ child: pid_t, _ point: String) {
        MountTable.unmount(point)
        kill(child, SIGTERM)
        var waited = 0
        while waitpid(child, nil, WNOHANG) == 0 {
            if waited == patience { kill(child, SIGKILL) }
            waited += 1
            usleep(20_000)
        }
        // One that was just being mounted.
        MountTable.unmount(point)
    }

    private static func say(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = write(STDOUT_FILENO, bytes, bytes.count)
    }
}
