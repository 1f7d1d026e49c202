import CSandbox
import Glibc
import Kernel

/// Waiting for the signals that end the sandbox.
package enum Signals {
    /// Lets go of every descriptor but the standard ones: whoever started this program may wait for the end of theirs.
    package static func closeInheritedDescriptors() {
        csb_close_from(3)
    }

    /// Blocks them in the calling thread and those it starts: call before any other thread exists.
    package static func block() {
        var set = Self.ending()
        pthread_sigmask(SIG_BLOCK, &set, nil)
        // A peer that closes its pipe is an error of the write, no more.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Calls back on a thread of its own when one of them comes.
    package static func onEnd(_ body: @escaping @Sendable (Int32) -> Void) {
        guard let thread = try? DedicatedThread.start({ body(Self.wait()) }) else { return body(SIGTERM) }
        pthread_detach(thread)
    }

    /// Waits for one of them; its number.
    private static func wait() -> Int32 {
        var set = Self.ending()
        var number: CInt = 0
        while sigwait(&set, &number) != 0 {}
        return number
    }

    private static func ending() -> sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
        return set
    }
}
