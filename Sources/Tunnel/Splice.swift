package import HTTP2
package import NIOCore

/// Joins a socket with an HTTP/2 stream: bytes both ways, half-close, reset, and back-pressure without a queue of its own.
///
///     socket ──read──► stream.write     held back while the stream's queue is above its high-water mark
///     socket ◄─write── stream.onData    consumed once the socket's queue is below its own
///
/// Confined to the loop that both share. The channel keeps the splice alive; the splice keeps the stream.
package final class Splice: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = Never
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private let stream: HTTP2Stream
    private var context: ChannelHandlerContext?
    /// A read that NIO asked for while the stream was not writable.
    private var readHeld = false
    /// Bytes written to the socket but not yet consumed from the stream.
    private var owed = 0
    private var socketEnded = false
    private var streamEnded = false
    private var streamOver = false
    private var failed = false

    private init(_ stream: HTTP2Stream) {
        self.stream = stream
    }

    /// Joins `channel` and `stream`, which share an event loop; the caller is on it.
    ///
    /// - Parameters:
    ///   - early: what has come on the stream already, not yet consumed.
    ///   - ended: whether the stream's peer has ended already.
    package static func join(
        _ channel: any Channel,
        _ stream: HTTP2Stream,
        early: [ByteBuffer] = [],
        ended: Bool = false
    ) {
        let splice = Splice(stream)
        stream.onData = { splice.streamData($0) }
        stream.onReadComplete = { splice.streamReadComplete() }
        stream.onEnd = { splice.streamEnd() }
        stream.onWritable = { splice.streamWritable() }
        stream.onClose = { splice.streamClosed($0) }
        do {
            try channel.pipeline.syncOperations.addHandler(splice)
        } catch {
            // The channel is closed already.
            splice.release()
            stream.reset(.connectError)
            return
        }
        for buffer in early { splice.streamData(buffer) }
        splice.streamReadComplete()
        if ended { splice.streamEnd() }
        TunnelSocket.tune(channel)
        channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
    }

    // MARK: - From the socket

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    package func read(context: ChannelHandlerContext) {
        if stream.isWritable { context.read() } else { readHeld = true }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !streamOver else { return }
        stream.write(Self.unwrapInboundIn(data))
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent, !socketEnded else { return }
        socketEnded = true
        if !streamOver { stream.end() }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, owed > 0, !streamOver else { return }
        let bytes = owed
        owed = 0
        stream.consume(bytes)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed = true
        abort(.connectError)
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        // Closed without having ended in order: the other end must not take it for an end of file.
        if streamEnded, !socketEnded, !failed, !streamOver {
            // The end of file that came after the output was closed is told by closing alone.
            socketEnded = true
            stream.end()
        }
        if !streamOver, !(socketEnded && streamEnded) { abort(.cancel) }
        release()
    }

    private func abort(_ code: HTTP2ErrorCode) {
        guard !streamOver else { return }
        streamOver = true
        stream.reset(code)
    }

    // MARK: - From the stream

    private func streamData(_ buffer: ByteBuffer) {
        guard let context else { return }
        owed += buffer.readableBytes
        context.write(Self.wrapOutboundOut(buffer), promise: nil)
        if context.channel.isWritable {
            let bytes = owed
            owed = 0
            stream.consume(bytes)
        }
    }

    /// One flush for all frames of one read of the link.
    private func streamReadComplete() {
        context?.flush()
    }

    private func streamEnd() {
        guard !streamEnded, let context else { return }
        streamEnded = true
        OutputEnd.send(context)
    }

    private func streamWritable() {
        guard readHeld, let context else { return }
        readHeld = false
        context.read()
    }

    private func streamClosed(_ reason: StreamCloseReason) {
        streamOver = true
        if case .finished = reason {
            // Both have ended in order; the socket closes by itself once its last bytes are out.
            if let context, !(socketEnded && streamEnded) { context.close(promise: nil) }
            release()
            return
        }
        release()
        guard let context else { return }
        // A reset on one side is a reset on the other.
        SocketReset.close(context.channel)
    }

    /// Breaks the cycles between stream and splice.
    private func release() {
        stream.onData = nil
        stream.onReadComplete = nil
        stream.onEnd = nil
        stream.onWritable = nil
        stream.onClose = nil
    }
}
