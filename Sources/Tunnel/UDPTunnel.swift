package import HTTP2
package import NIOCore

/// One UDP flow on one HTTP/2 stream; confined to the stream's loop.
///
/// As UDP itself does, it drops datagrams when the way is full.
package final class UDPTunnel {
    /// The stream that carries it.
    package let stream: HTTP2Stream
    /// A datagram's payload from the far side.
    package var onDatagram: ((ByteBuffer) -> Void)?
    /// The loop has read all there is for now: the place to flush.
    package var onReadComplete: (() -> Void)? {
        get { self.stream.onReadComplete }
        set { self.stream.onReadComplete = newValue }
    }
    /// The flow is over: the far side ended it, or the link is gone.
    ///
    /// Called once, and not after ``close()``.
    package var onClose: ((StreamCloseReason) -> Void)?
    /// Datagrams that were not sent because the stream's queue was full, or that are too long.
    package private(set) var dropped = 0

    private var capsules = DatagramCapsule()
    private let allocator = ByteBufferAllocator()

    /// Takes over the callbacks of an open stream.
    package init(_ stream: HTTP2Stream) {
        self.stream = stream
        stream.onData = { self.take($0) }
        stream.onEnd = { [unowned stream] in stream.end() }
        stream.onClose = { reason in
            let closed = self.onClose
            self.release()
            closed?(reason)
        }
    }

    /// Sends one datagram.
    package func send(_ payload: ByteBuffer) {
        guard self.stream.isWritable, payload.readableBytes <= DatagramCapsule.maximumPayload else {
            self.dropped += 1
            return
        }
        self.stream.write(DatagramCapsule.encode(payload, allocator: self.allocator))
    }

    /// Ends the flow.
    package func close() {
        self.release()
        self.stream.onData = nil
        self.stream.onReadComplete = nil
        self.stream.onClose = nil
        // In good order: resets are counted against a flood, and flows end all the time.
        self.stream.end()
    }

    /// Takes what came on the stream.
    func take(_ bytes: ByteBuffer) {
        self.stream.consume(bytes.readableBytes)
        self.capsules.append(bytes)
        do throws(DatagramCapsule.Failure) {
            while let datagram = try self.capsules.next() { self.onDatagram?(datagram) }
        } catch {
            self.stream.reset(.protocolError)
        }
    }

    private func release() {
        self.onDatagram = nil
        self.onClose = nil
    }
}
