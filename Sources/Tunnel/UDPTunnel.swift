package import HTTP2
package import NIOCore

/// One UDP flow on one HTTP/2 stream. Confined to the stream's loop.
///
/// As UDP itself does, it drops datagrams when the way is full.
package final class UDPTunnel {
    package let stream: HTTP2Stream
    /// A datagram's payload from the far side.
    package var onDatagram: ((ByteBuffer) -> Void)?
    /// The flow is over: the far side ended it, or the link is gone. Called once.
    package var onClose: ((StreamCloseReason) -> Void)?
    /// Datagrams that were not sent because the stream's queue was full.
    package private(set) var dropped = 0

    private var capsules = DatagramCapsule()
    private let allocator = ByteBufferAllocator()

    package init(stream: HTTP2Stream) {
        self.stream = stream
        stream.onData = { [self] in take($0) }
        stream.onEnd = { [weak stream] in stream?.end() }
        stream.onClose = { [self] reason in
            let closed = onClose
            release()
            closed?(reason)
        }
    }

    /// Sends one datagram.
    package func send(_ payload: ByteBuffer) {
        guard stream.isWritable, payload.readableBytes <= DatagramCapsule.maximumPayload else {
            dropped += 1
            return
        }
        stream.write(DatagramCapsule.encode(payload, allocator: allocator))
    }

    /// Ends the flow.
    package func close() {
        release()
        stream.onData = nil
        stream.onClose = nil
        stream.reset(.cancel)
    }

    /// Takes what came before the tunnel was made.
    func take(_ bytes: ByteBuffer) {
        stream.consume(bytes.readableBytes)
        capsules.append(bytes)
        do throws(DatagramCapsule.Failure) {
            while let datagram = try capsules.next() { onDatagram?(datagram) }
        } catch {
            stream.reset(.protocolError)
        }
    }

    private func release() {
        onDatagram = nil
        onClose = nil
    }
}
