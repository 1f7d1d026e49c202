import CSandbox
import Glibc

/// Forking into process namespaces.
///
/// Only for processes with one thread.
enum ProcessSpace {
    /// Forks a child that is in a new process namespace (as its process 1), or in that of the process behind a pidfd.
    ///
    /// Returns as `fork` does.
    static func fork(into space: CInt? = nil, alsoNew flags: CInt = 0) throws(RuntimeError) -> pid_t {
        // Neither call moves the caller: they say where its next children go. So it has to be undone.
        let own = try checked(open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC), "open own process namespace")
        defer { close(own) }
        if let space {
            try checked(csb_setns(space, CSB_NEWPID), "enter the container's processes")
        } else {
            try checked(csb_unshare(CSB_NEWPID | flags), "unshare")
        }
        let process = csb_fork()
        let failure = RuntimeError("fork")
        if process != 0 { try checked(csb_setns(own, CSB_NEWPID), "return to own process namespace") }
        guard process >= 0 else { throw failure }
        return process
    }
}
