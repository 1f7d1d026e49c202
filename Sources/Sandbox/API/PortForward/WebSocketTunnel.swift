import NIOCore

/// Carries a byte stream in binary WebSocket messages: frames below, bytes above.
final class WebSocketTunnel: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var reader = WebSocketReader()
    private var waiting: [(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    private var waitingBytes = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.reader.feed(self.unwrapInboundIn(data))
        do throws(WebSocketReader.Violation) {
            while let event = try self.reader.next() {
                switch event {
                case .begin: break
                case .data(let bytes):
                    if bytes.readableBytes > 0 { context.fireChannelRead(self.wrapInboundOut(bytes)) }
                case .ping(let payload):
                    self.send(context)
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
        self.waiting.append((bytes, promise))
        self.waitingBytes += bytes.readableBytes
        if self.waitingBytes >= 1 << 20 { self.send(context) }
    }

    func flush(context: ChannelHandlerContext) {
        self.send(context)
        context.flush()
    }

    /// Sends what waits as one message: the fewer messages, the less work for the client.
    private func send(_ context: ChannelHandlerContext) {
        guard !self.waiting.isEmpty else { return }
        let parts = self.waiting
        self.waiting = []
        context.write(self.wrapOutboundOut(WebSocketReader.header(length: self.waitingBytes)), promise: nil)
        self.waitingBytes = 0
        for (bytes, promise) in parts { context.write(self.wrapOutboundOut(bytes), promise: promise) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .input {
            self.send(context)
            // Code 1000: all is well.
            var frame = WebSocketReader.header(opcode: 8, length: 2)
            frame.writeInteger(UInt16(1000))
            context.writeAndFlush(self.wrapOutboundOut(frame), promise: nil)
        }
        context.close(mode: mode, promise: promise)
    }
}
