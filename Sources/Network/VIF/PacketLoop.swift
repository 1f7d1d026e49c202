import Glibc
import Kernel
import NIOCore
import Synchronization

/// Reads the interface on a thread of its own, and lets the event loop write to it.
///
/// Concurrency model: `processor` is behind a lock that each packet takes once, not held during system calls. `tun` may
/// be written from any thread: the kernel keeps packets whole. The thread ends at `stop` or when the device fails.
final class PacketLoop: Sendable {
    private let tun: Descriptor
    private let processor: Mutex<PacketProcessor>
    private let wake: (reading: Descriptor, writing: Descriptor)
    private let thread = Mutex<pthread_t?>(nil)
    private let onEvents: @Sendable () -> Void
    private let onFailure: @Sendable (SystemError) -> Void

    /// `onEvents` is called on the reader thread when `takeEvents` has something to give.
    init(
        tun: Descriptor,
        processor: consuming sending PacketProcessor,
        onEvents: @escaping @Sendable () -> Void,
        onFailure: @escaping @Sendable (SystemError) -> Void
    ) throws(SystemError) {
        self.tun = tun
        self.processor = Mutex(processor)
        self.onEvents = onEvents
        self.onFailure = onFailure
        wake = try Descriptor.pipe()
        try tun.setNonBlocking(true)
    }

    /// Starts the thread.
    func start() throws(SystemError) {
        let started = try DedicatedThread.start { self.run() }
        thread.withLock { $0 = started }
    }

    /// Ends the thread and waits for it.
    ///
    /// Not to be called on it.
    func stop() {
        wake.writing.close()
        let taken = thread.withLock { thread in
            let taken = thread
            thread = nil
            return taken
        }
        if let taken { DedicatedThread.join(taken) }
    }

    /// Works on the state under the lock.
    func withProcessor<Value: Sendable>(_ body: (inout PacketProcessor) -> Value) -> Value {
        processor.withLock { body(&$0) }
    }

    /// Writes a packet with its `virtio_net_hdr`.
    ///
    /// A device that does not take it loses it.
    func write(_ frame: [UInt8]) {
        _ = frame.withUnsafeBytes { Glibc.write(tun.rawValue, $0.baseAddress, $0.count) }
    }

    private struct Outcome: Sendable {
        let verdict: PacketProcessor.Verdict
        let wakes: Bool
    }

    private func run() {
        let size = TunDevice.headerLength + 65_536 + 64
        let frame = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        defer { frame.deallocate() }
        // The lock lets in only what is Sendable, and a pointer is not. The processor keeps none into the buffer.
        let address = UInt(bitPattern: frame)
        let device = tun.rawValue
        while true {
            let count = read(device, frame, size)
            guard count > 0 else {
                let code = count < 0 ? errno : EIO
                if code == EINTR { continue }
                guard code == EAGAIN else {
                    onFailure(SystemError("read", "virtual interface", code: code))
                    return
                }
                guard waitUntilReadable(device) else { return }
                continue
            }
            let outcome = processor.withLock { processor in
                guard let frame = UnsafeMutableRawPointer(bitPattern: address) else {
                    return Outcome(verdict: .drop, wakes: false)
                }
                let verdict = processor.process(frame, count)
                return Outcome(verdict: verdict, wakes: processor.requestDrain())
            }
            switch outcome.verdict {
            case .drop: break
            case .forward: _ = Glibc.write(device, frame, count)
            case .answer(let bytes): write(bytes)
            }
            if outcome.wakes { onEvents() }
        }
    }

    /// Waits for a packet; false when the loop shall end.
    private func waitUntilReadable(_ device: CInt) -> Bool {
        var entries = [
            pollfd(fd: device, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wake.reading.rawValue, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            let ready = poll(&entries, 2, -1)
            if ready > 0 { return entries[1].revents == 0 }
            guard ready < 0, errno == EINTR else { return false }
        }
    }
}
