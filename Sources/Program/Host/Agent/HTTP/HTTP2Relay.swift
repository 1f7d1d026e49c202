import HTTP2
import NIOCore

/// A client's stream and that of an upstream, joined: one request with its response.
///
/// Bytes are consumed on one side once the other side's queue is below high water, so that flow control reaches from end to end.
/// What comes before there is an upstream is kept; that is bounded by the client's window. Confined to the loop of both links; the
/// streams keep it alive.
final class HTTP2Relay {
    /// The request's head, as it came.
    let head: HeaderBlock
    /// The client has got its end, or is gone.
    private(set) var isOver = false

    private let near: HTTP2Stream
    private let gate: HTTP2Gate
    private var far: HTTP2Stream?
    private var upstream: HTTP2Upstream?
    /// What came before there was an upstream.
    private var early: [ByteBuffer] = []
    /// The head was all of the request.
    private let headEnds: Bool
    private var requestEnded: Bool
    private var trailers: HeaderBlock?
    private var responded = false
    /// Bytes written to the upstream and not yet consumed from the client.
    private var owedNear = 0
    /// The other way.
    private var owedFar = 0

    /// Takes over a stream that the client has opened.
    init(_ near: HTTP2Stream, _ head: HeaderBlock, endStream: Bool, gate: HTTP2Gate) {
        self.near = near
        self.head = head
        self.gate = gate
        headEnds = endStream
        requestEnded = endStream
        near.onWritable = { [self] in settleFar() }
        near.onClose = { [self] in nearClosed($0) }
        // Each of these takes memory, and most requests are no more than a head.
        if endStream { return }
        near.onData = { [self] in requestData($0) }
        near.onBlock = { [self] in requestTrailers($0, $1) }
        near.onEnd = { [self] in requestEnd() }
    }

    /// Opens the upstream's stream and passes on what has come.
    ///
    /// - Returns: False where the link takes no streams; nothing was passed on then.
    func join(_ link: Link, _ upstream: HTTP2Upstream) -> Bool {
        // RFC 8441, 3: not before the server has said that it knows `:protocol`.
        if link.peerMaximumStreams == nil, head.withView({ $0.value(of: ":protocol") != nil }), link.isOpen {
            link.whenSettled { [self] in
                if !isOver, link.closeReason != nil || !join(link, upstream) { fail(.refusedStream) }
            }
            return true
        }
        guard let far = try? link.open(head, endStream: headEnds) else { return false }
        self.far = far
        self.upstream = upstream
        far.onInterim = { [near] in near.sendInterim($0) }
        far.onBlock = { [self] in response($0, $1) }
        far.onData = { [self] in responseData($0) }
        far.onEnd = { [near] in near.end() }
        far.onClose = { [self] in farClosed($0) }
        if headEnds { return true }
        far.onWritable = { [self] in settleNear() }
        let early = early
        self.early = []
        for buffer in early { requestData(buffer) }
        if requestEnded { far.end(with: trailers) }
        return true
    }

    /// Ends the client's stream without an upstream's word.
    func fail(_ code: HTTP2ErrorCode) {
        guard !isOver else { return }
        isOver = true
        near.resetInOrder(code)
    }

    // MARK: The request

    private func requestData(_ buffer: ByteBuffer) {
        guard let far else { return early.append(buffer) }
        owedNear += buffer.readableBytes
        far.write(buffer)
        settleNear()
    }

    private func settleNear() {
        guard owedNear > 0, far?.isWritable != false else { return }
        let count = owedNear
        owedNear = 0
        near.consume(count)
    }

    private func requestTrailers(_ block: HeaderBlock, _ endStream: Bool) {
        // RFC 9113, 8.1: a second header block is the last frame.
        guard endStream else { return near.reset(.protocolError) }
        trailers = block
    }

    private func requestEnd() {
        requestEnded = true
        far?.end(with: trailers)
    }

    // MARK: The response

    private func response(_ block: HeaderBlock, _ endStream: Bool) {
        if !responded {
            responded = true
            near.sendHeaders(block, endStream: endStream)
        } else if endStream {
            near.end(with: block)
        } else {
            far?.reset(.protocolError)
        }
    }

    private func responseData(_ buffer: ByteBuffer) {
        owedFar += buffer.readableBytes
        near.write(buffer)
        settleFar()
    }

    private func settleFar() {
        guard owedFar > 0, near.isWritable else { return }
        let count = owedFar
        owedFar = 0
        far?.consume(count)
    }

    // MARK: The end

    private func nearClosed(_ reason: StreamCloseReason) {
        isOver = true
        early = []
        switch reason {
        // The other stream has had its end and finishes by itself.
        case .finished: break
        case .reset(let code): far?.resetInOrder(code)
        case .linkLost: far?.resetInOrder(.cancel)
        }
    }

    private func farClosed(_ reason: StreamCloseReason) {
        let upstream = upstream
        self.upstream = nil
        guard !isOver else { return }
        switch reason {
        case .finished: break
        // A response that is complete is so for the client too, however much of the request nobody wants.
        case .reset(let code): near.resetInOrder(code, completing: true)
        case .linkLost: upstream?.lose(self)
        }
    }
}
