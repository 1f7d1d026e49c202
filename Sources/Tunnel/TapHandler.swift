package import NIOCore

/// Copies what a connection's peer says to those who listen; the connection itself notices nothing.
///
/// Stands in the pipeline before whoever serves the connection. Without it a connection costs nothing more. Confined to the loop.
package final class TapHandler: ChannelInboundHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer

    private var copies: [TapCopy]

    /// Copies to `copies`.
    package init(_ copies: [TapCopy]) { self.copies = copies }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !self.copies.isEmpty {
            let buffer = Self.unwrapInboundIn(data)
            for copy in self.copies { copy.write(buffer) }
            self.copies.removeAll(where: \.isOver)
        }
        context.fireChannelRead(data)
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { self.finish { $0.end() } }
        context.fireUserInboundEventTriggered(event)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.finish { $0.abandon() }
        context.fireErrorCaught(error)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        self.finish { $0.end() }
        context.fireChannelInactive()
    }

    private func finish(_ body: (TapCopy) -> Void) {
        let copies = self.copies
        self.copies = []
        copies.forEach(body)
    }
}
