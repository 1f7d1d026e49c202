import Glibc
import Synchronization

/// Where signal handlers write to, which may do little else; set before the first one is.
nonisolated(unsafe) private var pipeOfHandlers: CInt = -1

/// Signals to this process as a sequence, in place of what they do by themselves.
///
/// From when it is made until ``end()`` the process does not die of them. Without `end` it never does again: who was told
/// once to end does so in his own time.
package final class Signals: Sendable {
    private struct Reader {
        let wanted: [CInt]
        let feed: AsyncStream<CInt>.Continuation
    }

    /// What all of them share: a signal has one handler.
    private struct Hub {
        var lastNumber = 0
        var readers: [Int: Reader] = [:]
        /// What each signal did before.
        var former: [CInt: sigaction] = [:]
    }

    private static let hub = Mutex(Hub())

    /// Each signal's number as it comes; for one reader.
    package let numbers: AsyncStream<CInt>
    private let number: Int

    /// Takes these signals.
    package init(_ wanted: CInt...) {
        let (numbers, feed) = AsyncStream.makeStream(of: CInt.self)
        self.numbers = numbers
        number = Self.hub.withLock { hub in
            Self.listen()
            hub.lastNumber += 1
            hub.readers[hub.lastNumber] = Reader(wanted: wanted, feed: feed)
            for signal in wanted where hub.former[signal] == nil {
                var action = sigaction()
                action.sa_flags = SA_RESTART
                action.__sigaction_handler.sa_handler = { signal in
                    let before = errno
                    var byte = UInt8(truncatingIfNeeded: signal)
                    _ = write(pipeOfHandlers, &byte, 1)
                    errno = before
                }
                var before = sigaction()
                sigaction(signal, &action, &before)
                hub.former[signal] = before
            }
            return hub.lastNumber
        }
    }

    /// Lets them do again what they did before, unless others read them, too; ends the sequence.
    package func end() {
        Self.hub.withLock { hub in
            guard let reader = hub.readers.removeValue(forKey: number) else { return }
            reader.feed.finish()
            for signal in reader.wanted where !hub.readers.values.contains(where: { $0.wanted.contains(signal) }) {
                guard var before = hub.former.removeValue(forKey: signal) else { continue }
                sigaction(signal, &before, nil)
            }
        }
    }

    /// The first of them to come; nil when the task is cancelled.
    @discardableResult
    package func first() async -> CInt? {
        for await number in numbers { return number }
        return nil
    }

    /// Passes on what handlers write, from a thread that lives as long as the process; with the lock held.
    private static func listen() {
        guard pipeOfHandlers < 0, let (out, into) = try? Descriptor.pipe() else { return }
        pipeOfHandlers = into.take()
        let thread = try? DedicatedThread.start {
            var byte: UInt8 = 0
            while true {
                let count = read(out.rawValue, &byte, 1)
                if count < 0, errno == EINTR { continue }
                guard count == 1 else { return }
                let signal = CInt(byte)
                hub.withLock { hub in
                    for reader in hub.readers.values where reader.wanted.contains(signal) { reader.feed.yield(signal) }
                }
            }
        }
        if let thread { pthread_detach(thread) }
    }
}
