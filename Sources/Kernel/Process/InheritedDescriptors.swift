import CKernel
import Glibc
import Synchronization

/// The descriptors that this process was started with.
///
/// They may be meant for the programs that it starts on its user's behalf; what it has opened since is not, be it close-on-exec or
/// not: a program that holds on to a socket of ours keeps our end from being seen.
package enum InheritedDescriptors {
    private static let noted = Mutex<Set<CInt>>([])

    /// Notes those that are open; to be called before anything is opened.
    package static func note() {
        noted.withLock { $0 = Set(open) }
    }

    /// Makes all others close-on-exec, but for those of the standard streams.
    static func seal() {
        let kept = noted.withLock { $0 }
        for number in open where number > STDERR_FILENO && !kept.contains(number) {
            _ = fcntl(number, F_SETFD, FD_CLOEXEC)
        }
    }

    /// Closes all from this number on in a program that is to be started.
    static func withhold(from first: CInt, _ actions: inout posix_spawn_file_actions_t) {
        _ = ck_spawn_close_from(&actions, first)
    }

    private static var open: [CInt] {
        guard let directory = opendir("/proc/self/fd") else { return [] }
        defer { closedir(directory) }
        let own = dirfd(directory)
        var numbers: [CInt] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let number = CInt(name), number != own { numbers.append(number) }
        }
        return numbers
    }
}
