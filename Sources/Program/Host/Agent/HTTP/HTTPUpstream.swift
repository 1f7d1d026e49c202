import HTTPFilter
import NIOCore
import Tunnel

/// The far end of a client's connection: one to the app, or one to a workstation.
///
/// The half of ``HTTPGate`` that sits in that channel's pipeline; confined to the loop.
final class HTTPUpstream: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let destination: RequestDestination
    let channel: any Channel
    /// What it has still to answer.
    var responses = ResponseFollower()
    /// Its answers cannot be understood any more.
    var isLost = false
    /// When it last said something, or was last needed.
    var lastHeard = NIODeadline.now()
    /// It has answered before, and been left for another's turn.
    private(set) var isUsed = false
    var wasKept = false
    /// It has said its last byte.
    private(set) var inputEnded = false
    /// It failed: what follows is no end in good order.
    private(set) var failed = false

    private var gate: HTTPGate?
    private var context: ChannelHandlerContext?
    private var readHeld = false
    private var outputEnded = false
    private var output = DirectOutput()

    init(_ destination: RequestDestination, _ channel: any Channel) {
        self.destination = destination
        self.channel = channel
    }

    /// Begins to read; false where the channel is closed already.
    func join(_ gate: HTTPGate) -> Bool {
        self.gate = gate
        if gate.port.isPlain { output = DirectOutput(channel) }
        TunnelSocket.tune(channel)
        do {
            try channel.pipeline.syncOperations.addHandler(self)
            try channel.syncOptions?.setOption(.autoRead, value: true)
        } catch {
            self.gate = nil
            channel.close(promise: nil)
            return false
        }
        return true
    }

    /// It has said something.
    func heard() {
        isUsed = true
        // Of the app nobody asks, and the clock has its price.
        if destination != .app { lastHeard = .now() }
    }

    /// Whether it takes bytes at present without queueing them.
    var isWritable: Bool { channel.isWritable }

    /// Queues bytes; ``flush()`` follows.
    func write(_ buffer: ByteBuffer) {
        guard !outputEnded, let context else { return }
        output.write(buffer, context)
    }

    func flush() {
        if let context { output.flush(context) }
    }

    /// The client takes bytes again.
    func resumeReading() {
        guard readHeld, let context else { return }
        readHeld = false
        context.read()
    }

    /// The client has said its last byte.
    func endOutput() {
        guard !outputEnded, let context else { return }
        outputEnded = true
        output.flush(context)
        // Behind what is queued, which NIO would drop if both halves were closed at once.
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.context?.close(mode: self.inputEnded ? .all : .output, promise: nil)
            case .failure: self.failed = true
            }
        }
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer()), promise: promise)
    }

    /// Nobody needs it any more.
    func leave() {
        gate = nil
        channel.close(promise: nil)
    }

    /// The client is gone in the middle of something.
    func abort() {
        gate = nil
        SocketReset.close(channel)
    }

    // MARK: Handler

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        gate = nil
    }

    func read(context: ChannelHandlerContext) {
        if gate?.isClientWritable != false { context.read() } else { readHeld = true }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        gate?.received(Self.unwrapInboundIn(data), from: self)
    }

    func channelReadComplete(context: ChannelHandlerContext) { gate?.flushClient() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { gate?.upstreamWritable(self) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent, !inputEnded else { return }
        inputEnded = true
        gate?.ended(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed = true
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        let gate = gate
        self.gate = nil
        gate?.lost(self)
    }
}
