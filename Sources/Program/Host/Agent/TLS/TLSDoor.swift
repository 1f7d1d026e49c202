import NIOCore
import TLS

/// Keeps what a connection's peer says until it is known whether that is TLS, and with whom.
///
/// Nothing is lost or changed: what came is handed on by ``release()`` to the handlers that are in the pipeline by then. Confined to
/// the loop.
final class TLSDoor: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// A peer that says nothing for so long is none that begins with TLS.
    static let patience = TimeAmount.seconds(5)

    private let patience: TimeAmount
    private var completion: ((ClientHello?) -> Void)?
    private var held = ByteBuffer()
    private var ended = false
    private var context: ChannelHandlerContext?
    private var timer: Scheduled<Void>?

    /// Calls `completion` once, with nil where the connection does not begin with TLS.
    init(patience: TimeAmount = TLSDoor.patience, then completion: @escaping (ClientHello?) -> Void) {
        self.patience = patience
        self.completion = completion
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: patience) { [weak self] in self?.found(nil) }
        if context.channel.isActive { context.read() }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        forget()
    }

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        context.read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        forget()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = Self.unwrapInboundIn(data)
        held.writeBuffer(&buffer)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard completion != nil else { return }
        switch held.withUnsafeReadableBytes({ ClientHello.read($0) }) {
        case .partial: context.read()
        case .notTLS: found(nil)
        case .hello(let hello): found(hello)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent else {
            return context.fireUserInboundEventTriggered(event)
        }
        ended = true
        found(nil)
    }

    /// Hands everything on, and goes.
    func release() {
        guard let context else { return }
        let buffer = held
        held = ByteBuffer()
        if buffer.readableBytes > 0 {
            context.fireChannelRead(Self.wrapInboundOut(buffer))
            context.fireChannelReadComplete()
        }
        if ended { context.fireUserInboundEventTriggered(ChannelEvent.inputClosed) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func found(_ hello: ClientHello?) {
        guard let completion else { return }
        forget()
        completion(hello)
    }

    private func forget() {
        completion = nil
        timer?.cancel()
        timer = nil
    }
}
