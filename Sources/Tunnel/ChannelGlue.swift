package import NIOCore

/// Joins two channels on one loop: bytes both ways, half-close, reset, back-pressure. The agent's way to the app.
package final class ChannelGlue: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    private var partner: ChannelGlue?
    private var context: ChannelHandlerContext?
    private var readHeld = false
    private var inputEnded = false
    private var outputEnded = false
    private var failed = false

    private init() {}

    /// Joins them; the caller is on their loop. Neither reads yet.
    package static func join(_ one: any Channel, _ other: any Channel) {
        let near = ChannelGlue()
        let far = ChannelGlue()
        near.partner = far
        far.partner = near
        do {
            try one.pipeline.syncOperations.addHandler(near)
            try other.pipeline.syncOperations.addHandler(far)
        } catch {
            one.close(promise: nil)
            other.close(promise: nil)
            near.partner = nil
            far.partner = nil
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
        partner = nil
    }

    package func read(context: ChannelHandlerContext) {
        if partner?.context?.channel.isWritable == true { context.read() } else { readHeld = true }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        partner?.context?.write(data, promise: nil)
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        partner?.context?.flush()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable, let partner, partner.readHeld else { return }
        partner.readHeld = false
        partner.context?.read()
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .some(.inputClosed) = event as? ChannelEvent, !inputEnded else { return }
        inputEnded = true
        partner?.endOutput()
    }

    private func endOutput() {
        guard !outputEnded, let context else { return }
        outputEnded = true
        OutputEnd.send(context)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed = true
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        guard let partner else { return }
        self.partner = nil
        partner.partner = nil
        guard let other = partner.context else { return }
        // An end of file that comes after this side's output was closed is told by closing alone.
        if outputEnded, inputEnded || !failed {
            partner.endOutput()
        } else {
            SocketReset.close(other.channel)
        }
    }
}
