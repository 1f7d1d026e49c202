import CKernel
import Glibc
import Synchronization

/// An owned file descriptor: closed once, at the latest when the last reference goes.
///
/// Concurrency model: safe from any thread. Who reads `rawValue` keeps the object alive while using the number.
package final class Descriptor: Sendable {
    private let number: Atomic<CInt>

    /// Takes ownership of an open descriptor.
    package init(_ number: CInt) {
        self.number = Atomic(number)
    }

    /// The number, or -1 after `take` or `close`.
    package var rawValue: CInt { number.load(ordering: .acquiring) }

    /// Gives up ownership: the caller closes the number.
    ///
    /// Answers -1 when there is nothing left to give.
    package func take() -> CInt {
        number.exchange(-1, ordering: .acquiringAndReleasing)
    }

    /// Closes now.
    ///
    /// Does nothing the second time.
    package func close() {
        let taken = take()
        if taken >= 0 { _ = Glibc.close(taken) }
    }

    /// Another descriptor of the same open file.
    package func duplicate() throws(SystemError) -> Descriptor {
        let copy = fcntl(rawValue, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .last("dup") }
        return Descriptor(copy)
    }

    /// Sets or clears `O_NONBLOCK`.
    package func setNonBlocking(_ enabled: Bool) throws(SystemError) {
        let flags = fcntl(rawValue, F_GETFL, 0)
        guard flags >= 0, fcntl(rawValue, F_SETFL, enabled ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) >= 0 else {
            throw .last("fcntl")
        }
    }

    /// Decides whether programs that this process executes inherit the descriptor.
    package func setInheritable(_ enabled: Bool) throws(SystemError) {
        guard fcntl(rawValue, F_SETFD, enabled ? 0 : FD_CLOEXEC) >= 0 else { throw .last("fcntl") }
    }

    /// Opens a file, with close-on-exec set.
    package static func open(_ path: String, flags: CInt, mode: UInt32 = 0o600) throws(SystemError) -> Descriptor {
        let number = Glibc.open(path, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw .last("open", path) }
        return Descriptor(number)
    }

    /// A pipe: what is written to the second comes out of the first.
    ///
    /// Close-on-exec is set on both.
    package static func pipe() throws(SystemError) -> (reading: Descriptor, writing: Descriptor) {
        var ends: [CInt] = [-1, -1]
        guard ck_pipe(&ends) == 0 else { throw .last("pipe") }
        return (Descriptor(ends[0]), Descriptor(ends[1]))
    }

    deinit {
        let taken = number.load(ordering: .acquiring)
        if taken >= 0 { _ = Glibc.close(taken) }
    }
}
