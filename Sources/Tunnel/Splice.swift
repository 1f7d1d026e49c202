package import HTTP2
package import NIOCore

/// Joins a socket with an HTTP/2 stream: bytes both ways, half-close, reset, and back-pressure without a queue of its own.
///
///     socket ──read──► stream.write     held back while the stream's queue is above high water
///     socket ◄─write── stream.onData    consumed once the socket's queue is below its own
///
/// Confined to the loop that both share. Channel and stream keep the splice alive until either is closed.
package final class Splice: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = Never
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private let stream: HTTP2Stream
    private var context: ChannelHandlerContext?
    /// A read that NIO asked for while the stream was not writable.
    private var readHeld = false
    /// Bytes written to the socket and not yet consumed from the stream.
    private var owed = 0
    private var socketEnded = false
    private var streamEnded = false
    /// The socket failed: what follows is no end in good order.
    private var failed = false
    /// Nothing is to be said to the stream any more.
    private var streamOver = false

    private init(_ stream: HTTP2Stream) { self.stream = stream }

    /// Joins a channel that does not read yet with a stream on the same loop; the caller is on that loop.
    ///
    /// - Parameters:
    ///   - channel: A TCP socket.
    ///   - stream: Open both ways; its callbacks are taken over.
    ///   - early: What came on the stream already, not yet consumed.
    ///   - ended: Whether the stream's peer has ended already.
    package static func join(
        _ channel: any Channel,
        _ stream: HTTP2Stream,
        early: [ByteBuffer] = [],
        ended: Bool = false
    ) {
        let splice = Splice(stream)
        TunnelSocket.tune(channel)
        do {
            try channel.pipeline.syncOperations.addHandler(splice)
        } catch {
            // The channel is closed already.
            return stream.reset(.connectError)
        }
        stream.onData = { splice.streamData($0) }
        stream.onReadComplete = { splice.context?.flush() }
        stream.onEnd = { splice.streamEnd() }
        stream.onWritable = { splice.streamWritable() }
        stream.onClose = { splice.streamClosed($0) }
        for buffer in early { splice.streamData(buffer) }
        splice.context?.flush()
        if ended { splice.streamEnd() }
        channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
    }

    // MARK: From the socket

    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    package func read(context: ChannelHandlerContext) {
        if self.stream.isWritable { context.read() } else { self.readHeld = true }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !self.streamOver { self.stream.write(self.unwrapInboundIn(data)) }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent, !self.socketEnded else { return }
        self.socketEnded = true
        if !self.streamOver { self.stream.end() }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.consumeOwed() }
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.failed = true
        self.abort(.connectError)
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if self.streamEnded, !self.failed {
            // With our half closed, NIO reports the other half's end as this alone.
            if !self.socketEnded, !self.streamOver { self.stream.end() }
        } else {
            // Closed without having ended in good order: the other end must not take it for an end of file.
            self.abort(.connectError)
        }
        self.streamOver = true
        self.release()
    }

    private func abort(_ code: HTTP2ErrorCode) {
        guard !self.streamOver else { return }
        self.streamOver = true
        // Behind what came before: servers that refuse a large upload answer and close without reading the rest, which makes
        // the kernel send a reset right behind the answer.
        self.stream.resetInOrder(code)
    }

    // MARK: From the stream

    private func streamData(_ buffer: ByteBuffer) {
        guard let context = self.context else { return }
        self.owed += buffer.readableBytes
        context.write(self.wrapOutboundOut(buffer), promise: nil)
        if context.channel.isWritable { self.consumeOwed() }
    }

    private func consumeOwed() {
        guard self.owed > 0, !self.streamOver else { return }
        let bytes = self.owed
        self.owed = 0
        self.stream.consume(bytes)
    }

    private func streamEnd() {
        guard !self.streamEnded, let context = self.context else { return }
        self.streamEnded = true
        // Behind what is queued, which NIO would drop if both halves were closed at once.
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.context?.close(mode: self.socketEnded ? .all : .output, promise: nil)
            case .failure: self.failed = true
            }
        }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: promise)
    }

    private func streamWritable() {
        guard self.readHeld, let context = self.context else { return }
        self.readHeld = false
        context.read()
    }

    private func streamClosed(_ reason: StreamCloseReason) {
        self.streamOver = true
        self.release()
        // In good order, the socket closes once its last bytes are out. A reset on one side is a reset on the other.
        if reason != .finished, let context = self.context { SocketReset.closeInOrder(context.channel) }
    }

    /// Breaks the cycle between stream and splice.
    private func release() {
        self.stream.onData = nil
        self.stream.onReadComplete = nil
        self.stream.onEnd = nil
        self.stream.onWritable = nil
        self.stream.onClose = nil
    }
}
