import Glibc
import Kernel
import Synchronization

/// Something that opens once, for threads to wait for.
final class Latch: Sendable {
    private let pipe: (reading: Descriptor, writing: Descriptor)?

    init() {
        self.pipe = try? Descriptor.pipe()
    }

    /// Lets all go on who wait, now and later.
    func open() {
        self.pipe?.writing.close()
    }

    /// Waits at most `milliseconds` until it is open.
    func wait(milliseconds: CInt = 5000) {
        guard let pipe else { return }
        var entry = pollfd(fd: pipe.reading.rawValue, events: Int16(POLLIN), revents: 0)
        poll(&entry, 1, milliseconds)
    }
}
