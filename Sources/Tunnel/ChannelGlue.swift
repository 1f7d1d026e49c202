package import NIOCore

/// Joins two channels on one loop: bytes both ways, half-close, reset, back-pressure.
///
/// The agent's way to its app, without HTTP/2 between.
package final class ChannelGlue: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private var partner: ChannelGlue?
    private var context: ChannelHandlerContext?
    /// A read that NIO asked for while the partner was not writable.
    private var readHeld = false
    private var inputEnded = false
    /// The channel failed: what follows is no end in good order.
    private var failed = false

    private init() {}

    /// Joins two channels that do not read yet; the caller is on the loop of both.
    package static func join(_ one: any Channel, _ other: any Channel) {
        let near = ChannelGlue()
        let far = ChannelGlue()
        near.partner = far
        far.partner = near
        do {
            try one.pipeline.syncOperations.addHandler(near)
            try other.pipeline.syncOperations.addHandler(far)
        } catch {
            near.partner = nil
            far.partner = nil
            SocketReset.close(one)
            SocketReset.close(other)
            return
        }
        for channel in [one, other] {
            TunnelSocket.tune(channel)
            channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
        }
    }

    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    package func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.partner = nil
    }

    package func read(context: ChannelHandlerContext) {
        if self.partner?.context?.channel.isWritable == true { context.read() } else { self.readHeld = true }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let other = self.partner?.context else { return }
        other.write(self.wrapOutboundOut(self.unwrapInboundIn(data)), promise: nil)
    }

    package func channelReadComplete(context: ChannelHandlerContext) { self.partner?.context?.flush() }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, let partner = self.partner, partner.readHeld else { return }
        partner.readHeld = false
        partner.context?.read()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent, !self.inputEnded else { return }
        self.inputEnded = true
        self.partner?.endOutput()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.failed = true
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        guard let partner = self.partner else { return }
        self.partner = nil
        partner.partner = nil
        if partner.inputEnded, !self.failed {
            // With our half closed, NIO reports the other half's end as this alone.
            if !self.inputEnded { partner.endOutput() }
        } else if let other = partner.context {
            // What was read together with the error was not flushed.
            SocketReset.closeInOrder(other.channel)
        }
    }

    private func endOutput() {
        guard let context = self.context else { return }
        // Behind what is queued, which NIO would drop if both halves were closed at once.
        let promise = context.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { result in
            switch result {
            case .success: self.context?.close(mode: self.inputEnded ? .all : .output, promise: nil)
            case .failure: self.failed = true
            }
        }
        context.writeAndFlush(self.wrapOutboundOut(ByteBuffer()), promise: promise)
    }
}
