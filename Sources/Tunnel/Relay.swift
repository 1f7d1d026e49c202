package import HTTP2
package import NIOCore

/// Joins two HTTP/2 streams on one loop, as the manager does between an agent and a workstation.
///
/// Bytes are consumed on one side only once the other side's queue is below its high-water mark, so that flow control
/// reaches from end to end.
package final class Relay {
    private let near: HTTP2Stream
    private let far: HTTP2Stream
    private var owedNear = 0
    private var owedFar = 0

    private init(_ near: HTTP2Stream, _ far: HTTP2Stream) {
        self.near = near
        self.far = far
    }

    /// Joins them; `early` came on `near` and is not consumed yet, `ended` says whether `near` has ended already.
    package static func join(
        _ near: HTTP2Stream,
        _ far: HTTP2Stream,
        early: [ByteBuffer] = [],
        ended: Bool = false
    ) {
        let relay = Relay(near, far)
        near.onData = { relay.fromNear($0) }
        far.onData = { relay.fromFar($0) }
        near.onEnd = { far.end() }
        far.onEnd = { near.end() }
        near.onWritable = { relay.nearWritable() }
        far.onWritable = { relay.farWritable() }
        near.onClose = { relay.closed($0, other: far) }
        far.onClose = { relay.closed($0, other: near) }
        for buffer in early { relay.fromNear(buffer) }
        if ended { far.end() }
    }

    private func fromNear(_ buffer: ByteBuffer) {
        owedNear += buffer.readableBytes
        far.write(buffer)
        if far.isWritable { farWritable() }
    }

    private func fromFar(_ buffer: ByteBuffer) {
        owedFar += buffer.readableBytes
        near.write(buffer)
        if near.isWritable { nearWritable() }
    }

    private func farWritable() {
        let bytes = owedNear
        owedNear = 0
        if bytes > 0 { near.consume(bytes) }
    }

    private func nearWritable() {
        let bytes = owedFar
        owedFar = 0
        if bytes > 0 { far.consume(bytes) }
    }

    private func closed(_ reason: StreamCloseReason, other: HTTP2Stream) {
        switch reason {
        case .finished:
            // The other one finishes by its own ends.
            return
        case .reset(let code):
            release()
            other.reset(code)
        case .linkLost:
            release()
            other.reset(.connectError)
        }
    }

    private func release() {
        for stream in [near, far] {
            stream.onData = nil
            stream.onEnd = nil
            stream.onWritable = nil
            stream.onClose = nil
        }
    }
}
