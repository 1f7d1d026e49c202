import NIOCore

/// Keeps what a connection's peer says until it is known who serves the connection.
///
/// SwiftNIO reads a socket up to the end of file as soon as its peer has half-closed, also while automatic reading is off. What
/// came so early would find no handler yet. It is no more than the socket's receive buffer. Confined to the loop.
final class HeldInput: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var held: [ByteBuffer] = []
    private var ended = false
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        held.append(Self.unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {}

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent {
            ended = true
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// Hands everything to the handlers that are in the pipeline by now, and goes.
    func release() {
        guard let context else { return }
        for buffer in held { context.fireChannelRead(Self.wrapInboundOut(buffer)) }
        if !held.isEmpty { context.fireChannelReadComplete() }
        held = []
        if ended { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}
