internal import NIOCore

/// Turns a connection that carries SPDY frames into the byte stream of one forwarded port.
///
/// Below: ``PortForwardHandler``, which carries the frames. Above: the forwarded bytes. There are two streams, told apart by
/// their fields: one for errors, one for data. As with the other ways there is no half-close. Confined to the channel's event
/// loop.
final class SPDYForwardHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let errors: UInt32 = 1
    private static let data: UInt32 = 3
    /// The longest frame that is sent; its length has 24 bits.
    private static let frameLimit = 1 << 20
    /// How long an error's words may come after the end of the data.
    private static let lateTime = TimeAmount.seconds(1)

    private let port: Int
    private var reader = SPDYFrameReader()
    private var errorText = ByteBuffer()
    private var errorsEnded = false
    private var dataEnded = false
    private var over = false
    private var readWanted = false
    private var delivered = false

    init(port: Int) {
        self.port = port
    }

    func handlerAdded(context: ChannelHandlerContext) {
        var writer = SPDYFrameWriter()
        let (port, request) = (String(port), "0")
        let frames = [
            writer.open(Self.errors, ["streamtype": "error", "port": port, "requestid": request]),
            // Nothing is ever sent on it.
            SPDYFrameWriter.data(Self.errors, length: 0, isLast: true),
            writer.open(Self.data, ["streamtype": "data", "port": port, "requestid": request]),
        ]
        for frame in frames { context.write(wrapOutboundOut(frame), promise: nil) }
        context.flush()
    }

    // MARK: Inwards

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        reader.feed(unwrapInboundIn(data))
        do throws(SPDYFrameReader.Violation) {
            while !over, let event = try reader.next() { take(event, context) }
        } catch {
            fail("the server broke the SPDY protocol: \(error.problem)", context)
        }
    }

    private func take(_ event: SPDYFrameReader.Event, _ context: ChannelHandlerContext) {
        switch event {
        case .data(Self.data, let bytes, let isLast):
            if bytes.readableBytes > 0 {
                delivered = true
                readWanted = false
                context.fireChannelRead(wrapInboundOut(bytes))
            }
            if isLast { ended(context) }
        case .data(Self.errors, let bytes, let isLast):
            if errorText.readableBytes < 4096 { errorText.writeImmutableBuffer(bytes) }
            if isLast { errorsOver(context) }
        case .data(let stream, _, _): fail("the server sent on stream \(stream), which nobody opened", context)
        case .reset(Self.data, let status):
            guard errorText.readableBytes == 0 else { return errorsOver(context) }
            fail("the server reset the stream (\(status))", context)
        case .reset: errorsOver(context)
        // Even numbers are the server's: it waits for them to come back.
        case .ping(let number):
            if number % 2 == 0 { context.writeAndFlush(wrapOutboundOut(SPDYFrameWriter.pong(number)), promise: nil) }
        case .goAway: break
        }
    }

    private func errorsOver(_ context: ChannelHandlerContext) {
        errorsEnded = true
        guard errorText.readableBytes == 0 else {
            return fail(String(decoding: errorText.readableBytesView, as: UTF8.self).trimmedOfSpace, context)
        }
        if dataEnded { close(context) }
    }

    /// The pod has ended the connection; why may come a little later.
    private func ended(_ context: ChannelHandlerContext) {
        dataEnded = true
        guard !errorsEnded else { return close(context) }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.lateTime) {
            let (handler, context) = bound.value
            handler.close(context)
        }
    }

    private func close(_ context: ChannelHandlerContext) {
        guard !over else { return }
        over = true
        context.close(promise: nil)
    }

    private func fail(_ message: String, _ context: ChannelHandlerContext) {
        guard !over else { return }
        over = true
        context.fireErrorCaught(PortForwardError(message: message))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        over = true
        context.fireChannelInactive()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if delivered {
            delivered = false
            context.fireChannelReadComplete()
        } else if readWanted {
            // What came held no forwarded bytes, and somebody waits for some.
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        readWanted = true
        context.read()
    }

    // MARK: Outwards

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var buffer = unwrapOutboundIn(data)
        while let part = buffer.readSlice(length: min(buffer.readableBytes, Self.frameLimit)), part.readableBytes > 0 {
            let head = SPDYFrameWriter.data(Self.data, length: part.readableBytes)
            context.write(wrapOutboundOut(head), promise: nil)
            context.write(wrapOutboundOut(part), promise: buffer.readableBytes == 0 ? promise : nil)
            if buffer.readableBytes == 0 { return }
        }
        promise?.succeed(())
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        if mode != .output, !over {
            over = true
            let end = SPDYFrameWriter.data(Self.data, length: 0, isLast: true)
            context.writeAndFlush(wrapOutboundOut(end), promise: nil)
        }
        context.close(mode: mode, promise: promise)
    }
}
