internal import NIOCore

/// Asks a proxy for a connection, then leaves the pipeline.
///
/// Confined to the channel's event loop.
final class ProxyHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var machine: ProxyMachine
    /// Completed once the way is open and this handler is gone.
    private let opened: EventLoopPromise<Void>
    private var started = false
    private var over = false

    init(_ machine: ProxyMachine, opened: EventLoopPromise<Void>) {
        self.machine = machine
        self.opened = opened
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { start(context) }
    }

    func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !over else { return context.fireChannelRead(data) }
        do throws(ProxyError) {
            switch try machine.feed(unwrapInboundIn(data).readableBytesView) {
            case .wait: break
            case .send(let bytes): send(bytes, context)
            case .open:
                over = true
                context.pipeline.syncOperations.removeHandler(self).cascade(to: opened)
            }
        } catch {
            fail(error, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(error, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail(ProxyError(message: "the proxy closed the connection before it answered"), context)
        context.fireChannelInactive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard !started else { return }
        started = true
        send(machine.start(), context)
    }

    private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
        guard !over else { return }
        over = true
        opened.fail(error)
        context.close(promise: nil)
    }
}
