import Actor
import HTTPFilter
import NIOCore
import Tunnel

/// The near end of a client's connection to a port: passes its requests on to the app or to workstations.
///
///     sniffing ──request──► requests ──upgrade, malformed, end──► raw
///        │ └────preface───► frames (HTTP/2 passed to the app), or an ``HTTP2Gate`` takes over
///        └──────anything else, or the server speaks first───────► raw
///
/// The bytes are the client's own, unchanged, in the buffers in which they came. A request is passed on once its head has come, and
/// only then it is known to whom; what a port without attachments gets is passed to the app at once, and only followed. That makes an
/// attachment hold for connections that were open before it came, as pools of clients and ingresses keep them for hours.
/// `scripts/bench agent` has what it costs.
///
/// One upstream connection per destination, each with the requests in the client's order; another destination's turn comes when all
/// responses of the one before it have ended, so that responses are in order too. A request whose workstation does not answer goes
/// to the app with nothing lost: none of it had been passed on.
///
/// Confined to the loop of all its channels.
final class HTTPGate: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Mode {
        /// Nothing is known of the protocol.
        case sniffing
        /// HTTP/1.1, request by request.
        case requests
        /// HTTP/2 with the app, as it is; its frames are followed.
        case frames
        /// Bytes both ways with one upstream.
        case raw
        /// HTTP/2 is about to be ended here.
        case leaving
        case over
    }

    /// Responses that one upstream may owe before more requests are read.
    static let pipelineLimit = 64

    let port: HTTPPort
    var mode = Mode.sniffing
    /// Where the request that is being read goes, or the last one went.
    var current: HTTPUpstream?
    /// Kept open for other destinations.
    var others: [HTTPUpstream] = []
    /// What came and is not passed on, but for the first `passed` bytes.
    var pending = ByteBuffer()
    var passed = 0
    var requests = RequestFollower()
    var frames = FrameFollower()
    /// GOAWAY is to be sent.
    var farewellWanted = false
    var farewellSent = false
    /// An upstream is being dialled.
    var isDialling = false
    /// The next request's turn has not come.
    var isHeld = false
    /// The next request's workstation does not answer.
    var isForcedToApp = false
    /// The last request, as long as it may be sent once more; and while another upstream is dialled for it.
    var repeatable: Repeatable?
    var repeated: Repeatable?
    /// What is pending is nothing that can be followed: it goes to the app as it is.
    var rawWanted = false
    /// The client has said its last byte.
    private(set) var clientEnded = false

    private(set) var context: ChannelHandlerContext?
    private var readHeld = false
    private var failed = false
    private var outputEnded = false
    private var output = DirectOutput()
    private var timer: Scheduled<Void>?
    var idleTimer: Scheduled<Void>?

    init(_ port: HTTPPort) { self.port = port }

    // MARK: The client's channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if port.isPlain { output = DirectOutput(context.channel) }
        start()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        timer?.cancel()
        idleTimer?.cancel()
    }

    /// Begins: dials the app at once where everything goes there, else waits a little for the first bytes.
    private func start() {
        if port.router.standing == .app { return dial(.app) }
        armTimer()
    }

    /// Nothing that may not be HTTP is held up for longer.
    func armTimer() {
        guard timer == nil else { return }
        timer = port.eventLoop.assumeIsolated().scheduleTask(in: port.sniffTime) { [weak self] in self?.sniffTimeout() }
    }

    private func sniffTimeout() {
        timer = nil
        guard mode == .sniffing, !isDialling else { return }
        if pending.readableBytes > passed {
            // Neither a request nor anything else: not to be held up any longer.
            rawWanted = true
            advance()
        } else if current == nil {
            // Perhaps a protocol in which the server speaks first.
            dial(.app)
        }
    }

    /// The protocol is known.
    func settle(_ mode: Mode) {
        self.mode = mode
        timer?.cancel()
        timer = nil
    }

    var isClientWritable: Bool { context?.channel.isWritable ?? true }

    private var mayRead: Bool {
        !isDialling && !isHeld && mode != .over && mode != .leaving && (current?.isWritable ?? true)
    }

    func read(context: ChannelHandlerContext) {
        if mayRead { context.read() } else { readHeld = true }
    }

    private func resumeReading() {
        guard readHeld, mayRead, let context else { return }
        readHeld = false
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = Self.unwrapInboundIn(data)
        if mode == .raw, pending.readableBytes == 0 {
            current?.write(buffer)
            return
        }
        if pending.readableBytes == 0 { pending = buffer } else { pending.writeImmutableBuffer(buffer) }
        advance(flushing: false)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        current?.flush()
        if mode == .frames { checkFrames() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { current?.resumeReading() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        guard !clientEnded else { return }
        clientEnded = true
        advance()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed = true
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        settle(.over)
        let upstream = current
        current = nil
        for other in others { other.leave() }
        others = []
        pending = ByteBuffer()
        if let upstream {
            if upstream.inputEnded, !failed {
                // With our half closed, NIO reports the other half's end as this alone.
                upstream.endOutput()
            } else if clientEnded, !failed {
                upstream.leave()
            } else {
                upstream.abort()
            }
        }
        port.left(self)
    }

    /// Leaves the pipeline to who was put above.
    func leave() {
        guard let context else { return }
        if clientEnded { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        let channel = context.channel
        context.pipeline.syncOperations.removeHandler(self).whenFailure { _ in channel.close(promise: nil) }
        if readHeld { channel.read() }
    }

    // MARK: To the client

    func writeClient(_ buffer: ByteBuffer) {
        if let context { output.write(buffer, context) }
    }

    func flushClient() {
        if let context { output.flush(context) }
    }

    /// The upstream has said its last byte.
    private func endClientOutput() {
        guard !outputEnded, let context else { return }
        outputEnded = true
        output.flush(context)
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.context?.close(mode: self.clientEnded ? .all : .output, promise: nil)
            case .failure: self.failed = true
            }
        }
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer()), promise: promise)
    }

    /// Resets the client's connection: what it asked for is lost.
    func resetClient() {
        guard let context, mode != .over else { return }
        failed = true
        SocketReset.close(context.channel)
    }

    // MARK: From upstreams

    func received(_ buffer: ByteBuffer, from upstream: HTTPUpstream) {
        // Nobody asked: an answer to nothing must not be taken for that of another.
        guard upstream === current else { return drop(upstream) }
        if mode == .frames { return receivedFrames(buffer) }
        writeClient(buffer)
        switch mode {
        case .requests:
            upstream.heard()
            repeatable = nil
            guard !upstream.isLost else { return }
            switch upstream.responses.follow(buffer) {
            case .following: if isHeld { advance() }
            case .switched: enterRaw(upstream)
            case .lost:
                upstream.isLost = true
                guard isHeld else { return }
                // What has been answered is the client's, whatever becomes of what waits.
                flushClient()
                advance()
            }
        // The server speaks first: no HTTP.
        case .sniffing: enterRaw(upstream)
        case .raw, .frames, .leaving, .over: break
        }
    }

    func upstreamWritable(_ upstream: HTTPUpstream) {
        if upstream === current { resumeReading() }
    }

    func ended(_ upstream: HTTPUpstream) {
        guard upstream === current, !isDialling else { return drop(upstream) }
        if repeats(upstream) { return }
        if isIdle(upstream) {
            drop(upstream)
            return advance()
        }
        // It answers nothing more; what waits for another's turn waits in vain, as behind `Connection: close`.
        if mode == .requests || mode == .sniffing { pending = ByteBuffer() }
        enterRaw(upstream)
        endClientOutput()
    }

    func lost(_ upstream: HTTPUpstream) {
        guard upstream === current else { return others.removeAll { $0 === upstream } }
        if repeats(upstream) { return }
        if isIdle(upstream) {
            current = nil
            return
        }
        current = nil
        if clientEnded, !upstream.failed {
            if !upstream.inputEnded { endClientOutput() }
        } else {
            resetClient()
        }
        settle(.over)
    }

    /// A workstation of which nothing is asked: its end is not the client's, whose next request may be for another.
    private func isIdle(_ upstream: HTTPUpstream) -> Bool {
        mode == .requests && upstream.destination != .app && upstream.responses.outstanding == 0 && requests.isAtHead
            && !upstream.responses.isLast && !upstream.isLost
    }

    func drop(_ upstream: HTTPUpstream) {
        others.removeAll { $0 === upstream }
        if upstream === current { current = nil }
        upstream.leave()
    }

    // MARK: Going on

    /// Does what can be done with what is pending.
    func advance(flushing: Bool = true) {
        if !isDialling {
            isHeld = false
            step()
            if clientEnded { passEnd() }
        }
        if flushing { current?.flush() }
        resumeReading()
    }

    private func step() {
        if rawWanted, mode != .raw { return goRaw() }
        switch mode {
        case .sniffing: sniff()
        case .requests: followRequests()
        case .frames, .raw: passAll()
        case .leaving: break
        case .over: pending = ByteBuffer()
        }
    }

    /// Passes everything on as it is.
    func passAll() {
        guard let current else { return }
        if passed > 0 {
            pending.moveReaderIndex(forwardBy: min(passed, pending.readableBytes))
            passed = 0
        }
        guard pending.readableBytes > 0 else { return }
        current.write(pending)
        pending = ByteBuffer()
    }

    /// The client has ended: so does the upstream, once it has all.
    private func passEnd() {
        guard !isDialling, !isHeld else { return }
        switch mode {
        case .leaving, .over: return
        case .raw, .frames: current?.endOutput()
        case .requests, .sniffing:
            if pending.readableBytes > 0 {
                // Part of a request, and no more to come: the app is to say so.
                rawWanted = true
                goRaw()
                if mode == .raw { current?.endOutput() }
            } else if let current {
                enterRaw(current)
                current.endOutput()
            } else {
                context?.close(promise: nil)
            }
        }
    }

    /// From here on: bytes both ways with this one.
    func enterRaw(_ upstream: HTTPUpstream) {
        if mode != .frames { settle(.raw) }
        rawWanted = false
        isHeld = false
        repeatable = nil
        for other in others { other.leave() }
        others = []
        passAll()
        upstream.flush()
        // It may have come while its turn had not.
        if clientEnded { upstream.endOutput() }
        resumeReading()
    }
}
