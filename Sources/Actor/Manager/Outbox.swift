package import Message
import Synchronization

/// What is to be sent to one participant, in order: an asynchronous sequence with a bound in messages and in bytes.
///
/// Concurrency model: one side adds, one task reads. Who adds never waits: a box that is full says so, and its receiver is
/// cut off, so that a slow receiver holds neither the others nor memory.
package struct Outbox: AsyncSequence, Sendable {
    package typealias Element = ManagerMessage
    package typealias Failure = Never

    /// How much may wait.
    package struct Limits: Sendable {
        package var messages: Int
        package var bytes: Int

        package init(messages: Int = 512, bytes: Int = 4 << 20) {
            self.messages = messages
            self.bytes = bytes
        }
    }

    fileprivate struct Load: Sendable {
        var messages = 0
        var bytes = 0
    }

    fileprivate final class Gauge: Sendable {
        let load = Mutex(Load())
    }

    fileprivate struct Piece: Sendable {
        let message: ManagerMessage
        let size: Int
    }

    private let limits: Limits
    private let gauge = Gauge()
    private let stream: AsyncStream<Piece>
    private let feed: AsyncStream<Piece>.Continuation

    package init(limits: Limits = Limits()) {
        self.limits = limits
        (stream, feed) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    /// Adds a message.
    ///
    /// False when there is no room for it; one message alone always has room.
    package func add(_ message: ManagerMessage) -> Bool {
        let size = message.approximateSize
        let fits = gauge.load.withLock { load in
            guard load.messages == 0 || (load.messages < limits.messages && load.bytes + size <= limits.bytes) else {
                return false
            }
            load.messages += 1
            load.bytes += size
            return true
        }
        if fits { feed.yield(Piece(message: message, size: size)) }
        return fits
    }

    /// Nothing more is added; what is there is still read.
    package func finish() {
        feed.finish()
    }

    package func makeAsyncIterator() -> Iterator {
        Iterator(base: stream.makeAsyncIterator(), gauge: gauge)
    }

    /// Reads one message after another.
    package struct Iterator: AsyncIteratorProtocol {
        private var base: AsyncStream<Piece>.Iterator
        private let gauge: Gauge

        fileprivate init(base: AsyncStream<Piece>.Iterator, gauge: Gauge) {
            self.base = base
            self.gauge = gauge
        }

        package mutating func next() async -> ManagerMessage? {
            await next(isolation: nil)
        }

        package mutating func next(isolation actor: isolated (any Actor)?) async -> ManagerMessage? {
            guard let piece = await base.next(isolation: actor) else { return nil }
            gauge.load.withLock { load in
                load.messages -= 1
                load.bytes -= piece.size
            }
            return piece.message
        }
    }
}

extension ManagerMessage {
    /// About how many bytes it takes while it waits.
    var approximateSize: Int {
        let body =
            switch self {
            case .attachmentChange(let change): change.attachment.approximateSize
            case .requestResult(let result): result.message.utf8.count + (result.attachment?.approximateSize ?? 0)
            case .welcome(let welcome): welcome.cluster?.approximateSize ?? 0
            case .clusterInfo(let info): info.approximateSize
            case .progress(let update): update.message.utf8.count
            case .renewal(let renewal): Int(clamping: renewal.certificate?.chain.count ?? 0)
            case .heartbeat, .dialBack, .logLevel, .volumeOrder, .podPortRequest, .unknown: 0
            }
        return 128 + body
    }
}

extension Attachment {
    /// About how many bytes it takes; its environment is what can be large.
    fileprivate var approximateSize: Int {
        let variables = environment.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 32 }
        return 256 + variables + message.utf8.count + 64 * (ports.count + spec.ports.count)
    }
}

extension ClusterInfo {
    /// About how many bytes it takes.
    fileprivate var approximateSize: Int {
        64 + 24 * (serviceSubnets.count + podSubnets.count) + 48 * namespaces.count
    }
}
