import NIOCore

/// Carries a byte stream in binary WebSocket messages: frames below, bytes above.
final class WebSocketTunnel: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var reader = WebSocketReader()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.reader.feed(self.unwrapInboundIn(data))
        do throws(WebSocketReader.Violation) {
            while let event = try self.reader.next() {
                switch event {
                case .begin: break
                case .data(let bytes):
                    if bytes.readableBytes > 0 { context.fireChannelRead(self.wrapInboundOut(bytes)) }
                case .ping(let payload):
                    context.write(
                        self.wrapOutboundOut(
                            .init(buffer: WebSocketReader.header(opcode: 10, length: payload.readableBytes))
                        ),
                        promise: nil
                    )
                    context.writeAndFlush(self.wrapOutboundOut(payload), promise: nil)
                case .close:
                    context.close(promise: nil)
                    return
                }
            }
        } catch {
            context.close(promise: nil)
        }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let bytes = self.unwrapOutboundIn(data)
        context.write(self.wrapOutboundOut(WebSocketReader.header(length: bytes.readableBytes)), promise: nil)
        context.write(self.wrapOutboundOut(bytes), promise: promise)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input {
            // Code 1000: all is well.
            var frame = WebSocketReader.header(opcode: 8, length: 2)
            frame.writeInteger(UInt16(1000))
            context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
        }
        context.close(mode: mode, promise: promise)
    }
}
