internal import HTTP2
internal import NIOCore

/// Two HTTP/2 streams joined, as the manager does between an agent and a workstation.
///
/// Bytes are consumed on one side only once the other side's queue is below high water, so flow control reaches from end
/// to end. Concurrency model: each end is confined to its own stream's loop; the two loops may differ, and then everything
/// that passes between the ends goes through `EventLoop.execute`, in order.
final class Relay: Sendable {
    /// One stream of the two.
    final class End: @unchecked Sendable {
        let stream: HTTP2Stream
        private let loop: any EventLoop
        // Set once by `Relay.init`, before any other loop knows of either end.
        fileprivate unowned(unsafe) var other: End?
        fileprivate var direct = true
        /// Keeps both ends alive while callbacks may come.
        private var relay: Relay?
        /// Bytes written here and not yet consumed at the other end.
        private var owed = 0
        /// Bytes for the other end, until this loop has read all there is for now.
        private var batch: [ByteBuffer] = []

        fileprivate init(_ stream: HTTP2Stream) {
            self.stream = stream
            self.loop = stream.link.eventLoop
        }

        /// Takes the stream over; on its loop.
        func start(_ relay: Relay, early: [ByteBuffer], ended: Bool) {
            self.relay = relay
            self.stream.onData = { self.pass($0) }
            self.stream.onReadComplete = { self.passBatch() }
            self.stream.onEnd = { self.passEnd() }
            self.stream.onWritable = { self.settle() }
            self.stream.onClose = { self.closed($0) }
            for buffer in early { self.pass(buffer) }
            self.passBatch()
            if ended { self.passEnd() }
        }

        /// Runs `body` at the other end, on its loop.
        private func there(_ body: @escaping @Sendable (End) -> Void) {
            guard let other = self.other, let relay = self.relay else { return }
            if self.direct { return body(other) }
            other.loop.execute { withExtendedLifetime(relay) { body(other) } }
        }

        private func pass(_ buffer: ByteBuffer) {
            if self.direct { self.other?.take(buffer) } else { self.batch.append(buffer) }
        }

        private func passBatch() {
            guard !self.batch.isEmpty else { return }
            let batch = self.batch
            self.batch.removeAll(keepingCapacity: true)
            self.there { other in for buffer in batch { other.take(buffer) } }
        }

        private func passEnd() {
            self.passBatch()
            self.there { $0.stream.end() }
        }

        private func take(_ buffer: ByteBuffer) {
            self.owed += buffer.readableBytes
            self.stream.write(buffer)
            self.settle()
        }

        private func settle() {
            guard self.owed > 0, self.stream.isWritable else { return }
            let bytes = self.owed
            self.owed = 0
            self.there { $0.stream.consume(bytes) }
        }

        private func closed(_ reason: StreamCloseReason) {
            // The end may have come in the same read.
            self.passBatch()
            switch reason {
            // The other stream has had its end and finishes by itself.
            case .finished: break
            case .reset(let code): self.there { $0.stream.resetInOrder(code) }
            case .linkLost: self.there { $0.stream.resetInOrder(.connectError) }
            }
            self.relay = nil
        }
    }

    let near: End
    let far: End

    init(near: HTTP2Stream, far: HTTP2Stream) {
        self.near = End(near)
        self.far = End(far)
        self.near.other = self.far
        self.far.other = self.near
        let direct = near.link.eventLoop === far.link.eventLoop
        self.near.direct = direct
        self.far.direct = direct
    }
}
