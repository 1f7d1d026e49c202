import CSandbox
import Glibc
import Kernel

/// Waiting for the signals that end the sandbox.
package enum Signals {
    /// Where the handler leaves the numbers of signals; made before the handler is.
    private static let arrivals: (reading: CInt, writing: CInt) = {
        guard let pipe = try? Descriptor.pipe() else { return (-1, -1) }
        return (pipe.reading.take(), pipe.writing.take())
    }()

    /// Lets go of every descriptor but the standard ones: whoever started this program may wait for the end of theirs.
    package static func closeInheritedDescriptors() {
        csb_close_from(3)
    }

    /// Catches them, whichever thread they come to, so that they end nothing by themselves.
    package static func catchAll() {
        guard self.arrivals.writing >= 0 else { return }
        for number in [SIGINT, SIGTERM, SIGHUP, SIGUSR1] {
            signal(number) { number in
                let failure = errno
                var byte = UInt8(truncatingIfNeeded: number)
                _ = write(Signals.arrivals.writing, &byte, 1)
                errno = failure
            }
        }
        // A peer that closes its pipe is an error of the write, no more.
        signal(SIGPIPE, SIG_IGN)
    }

    /// Calls back on a thread of its own when one of them comes, and as often as SIGUSR1 comes before, `again`.
    package static func onEnd(
        again: @escaping @Sendable () -> Void = {},
        _ body: @escaping @Sendable (Int32) -> Void
    ) {
        let wait: @Sendable () -> Void = {
            while true {
                let number = Self.wait()
                guard number == SIGUSR1 else { return body(number) }
                again()
            }
        }
        guard let thread = try? DedicatedThread.start(wait) else { return body(SIGTERM) }
        pthread_detach(thread)
    }

    /// Waits for one of them; its number.
    private static func wait() -> Int32 {
        var byte: UInt8 = 0
        while true {
            let count = read(self.arrivals.reading, &byte, 1)
            if count == 1 { return Int32(byte) }
            if count < 0, errno == EINTR { continue }
            return SIGTERM
        }
    }
}
