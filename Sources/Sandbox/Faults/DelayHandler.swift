import NIOCore

/// Holds bytes back in both directions for the same time, in order.
///
/// Confined to its event loop.
final class DelayHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let delay: TimeAmount

    init(milliseconds: Int) { self.delay = .milliseconds(Int64(milliseconds)) }

    // Tasks of one loop with the same delay run in the order in which they were made.

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = self.unwrapInboundIn(data)
        self.later(context) { context in
            context.fireChannelRead(self.wrapInboundOut(bytes))
            context.fireChannelReadComplete()
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {}

    func channelInactive(context: ChannelHandlerContext) { self.later(context) { $0.fireChannelInactive() } }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = self.unwrapOutboundIn(data)
        self.later(context) { $0.write(self.wrapOutboundOut(bytes), promise: promise) }
    }

    func flush(context: ChannelHandlerContext) { self.later(context) { $0.flush() } }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        self.later(context) { $0.close(mode: mode, promise: promise) }
    }

    private func later(_ context: ChannelHandlerContext, _ body: @escaping (ChannelHandlerContext) -> Void) {
        context.eventLoop.assumeIsolated().scheduleTask(in: self.delay) { body(context) }
    }
}
