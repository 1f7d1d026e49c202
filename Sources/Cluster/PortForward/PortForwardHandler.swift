internal import NIOCore

/// Turns a connection to the API server into the byte stream of one forwarded port, or of the frames that carry it.
///
/// Below: plaintext of the TLS connection. Above, once the upgrade is accepted: by `v4.channel.k8s.io` the forwarded bytes of one
/// port (channel 0 is data, channel 1 an error text; the first message of each begins with the port, two bytes,
/// little-endian), by the others SPDY frames, in WebSocket messages or as they are. There is no half-close: `close(mode:
/// .output)` succeeds without effect.
/// Confined to the channel's event loop.
final class PortForwardHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the head of the upgrade request says.
    struct Request: Sendable {
        var way = PortForwardWay.channels
        var path: String
        var authority: String
        var fields: [(name: String, value: String)]
    }

    /// How the upgrade ended.
    enum Refusal: Error {
        case refused(status: Int, body: [UInt8], retryAfter: String?)
        case violation(String)
    }

    private enum State { case waiting, open, over }

    /// The most payload of one frame that we send.
    private static let frameLimit = 128 << 10

    private let request: Request
    private let key: String
    /// Completed on the event loop once bytes can flow.
    private let upgraded: EventLoopPromise<Void>
    private var state = State.waiting
    private var response = UpgradeResponseReader()
    private var frames = WebSocketFrameReader()
    private var pending: [(buffer: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    /// The channel of the message that is being received.
    private var channel: UInt8?
    /// Bytes of the port's number that each channel still owes.
    private var prefixes = [2, 2]
    private var errorText = ByteBuffer()
    private var readWanted = false
    private var delivered = false
    private var requested = false

    init(request: Request, upgraded: EventLoopPromise<Void>) {
        self.request = request
        self.upgraded = upgraded
        key = Base64.encode((0..<16).map { _ in UInt8.random(in: 0...255) })
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { sendRequest(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(ChannelError.ioOnClosedChannel)
    }

    func channelActive(context: ChannelHandlerContext) {
        sendRequest(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if state == .waiting { finish(response.end(), context) }
        end(ChannelError.ioOnClosedChannel)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if state == .waiting {
            end(error)
            context.close(promise: nil)
        } else {
            context.fireErrorCaught(error)
        }
    }

    // MARK: Inwards

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        switch state {
        case .waiting:
            if let outcome = response.feed(buffer) { finish(outcome, context) }
        case .open: receive(buffer, context)
        case .over: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if delivered {
            delivered = false
            context.fireChannelReadComplete()
        } else if readWanted || state == .waiting {
            // What came held no forwarded bytes, and somebody waits for some.
            context.read()
        }
    }

    func read(context: ChannelHandlerContext) {
        readWanted = true
        context.read()
    }

    private func finish(_ outcome: UpgradeResponseReader.Outcome, _ context: ChannelHandlerContext) {
        switch outcome {
        case .upgraded(let answered, let accept, let rest):
            guard request.way.isWebSocket else { return opened(rest, context) }
            guard answered == request.way.rawValue else {
                return refuse(.violation("the server chose the protocol '\(answered ?? "")'"), context)
            }
            let expected = Base64.encode(SHA1.digest(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
            guard accept == expected else {
                return refuse(.violation("the server's Sec-WebSocket-Accept is wrong"), context)
            }
            opened(rest, context)
        case .refused(let status, let body, let retryAfter):
            refuse(.refused(status: status, body: body, retryAfter: retryAfter), context)
        case .malformed(let problem): refuse(.violation(problem), context)
        }
    }

    private func opened(_ rest: ByteBuffer, _ context: ChannelHandlerContext) {
        state = .open
        upgraded.succeed(())
        if rest.readableBytes > 0 { receive(rest, context) }
        flush(context: context)
    }

    private func deliver(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        delivered = true
        readWanted = false
        context.fireChannelRead(wrapInboundOut(bytes))
    }

    private func refuse(_ refusal: Refusal, _ context: ChannelHandlerContext) {
        end(refusal)
        context.close(promise: nil)
    }

    private func receive(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        guard request.way.isWebSocket else { return deliver(buffer, context) }
        frames.feed(buffer)
        do throws(WebSocketFrameReader.Violation) {
            while state == .open, let event = try frames.next() {
                switch event {
                case .data(let slice, let first, let last): receive(slice, first: first, last: last, context)
                case .ping(let payload): control(.pong, payload, context)
                case .pong: break
                case .close(let code, let reason): closed(code, reason, context)
                }
            }
        } catch {
            fail(PortForwardError(message: "the server broke the WebSocket protocol: \(error.problem)"), context)
        }
    }

    private func receive(_ slice: ByteBuffer, first: Bool, last: Bool, _ context: ChannelHandlerContext) {
        guard request.way == .channels else {
            if slice.readableBytes > 0 { deliver(slice, context) }
            return
        }
        var slice = slice
        if first { channel = nil }
        if channel == nil { channel = slice.readInteger(as: UInt8.self) }
        guard let channel else { return }
        guard channel < 2 else {
            return fail(
                PortForwardError(message: "the server sent on channel \(channel), which nobody opened"),
                context
            )
        }
        let skipped = min(prefixes[Int(channel)], slice.readableBytes)
        prefixes[Int(channel)] -= skipped
        slice.moveReaderIndex(forwardBy: skipped)
        guard slice.readableBytes > 0 else { return }
        if channel == 0 { return deliver(slice, context) }
        if errorText.readableBytes < 4096 { errorText.writeImmutableBuffer(slice) }
        if last {
            fail(
                PortForwardError(message: String(decoding: errorText.readableBytesView, as: UTF8.self).trimmedOfSpace),
                context
            )
        }
    }

    private func closed(_ code: UInt16?, _ reason: String, _ context: ChannelHandlerContext) {
        control(.close, ByteBuffer(integer: code ?? 1000), context)
        end(ChannelError.ioOnClosedChannel)
        if let code, code != 1000, code != 1001, code != 1005 {
            context.fireErrorCaught(
                PortForwardError(message: "the server closed the port-forward (\(code)): \(reason)")
            )
        }
        context.close(promise: nil)
    }

    private func fail(_ error: PortForwardError, _ context: ChannelHandlerContext) {
        end(error)
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    /// Forgets everything that waits.
    private func end(_ error: any Error) {
        if state == .waiting { upgraded.fail(error) }
        state = .over
        let promises = pending.compactMap(\.promise)
        pending = []
        for promise in promises { promise.fail(error) }
    }

    // MARK: Outwards

    private func sendRequest(_ context: ChannelHandlerContext) {
        // A connection that has just come about is active before it says so: both ways lead here.
        guard !requested else { return }
        requested = true
        var text = "\(request.way.isWebSocket ? "GET" : "POST") \(request.path) HTTP/1.1\r\n"
        text += "Host: \(request.authority)\r\nConnection: Upgrade\r\n"
        if request.way.isWebSocket {
            text += "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            text += "Sec-WebSocket-Key: \(key)\r\nSec-WebSocket-Protocol: \(request.way.rawValue)\r\n"
        } else {
            text += "Upgrade: \(request.way.rawValue)\r\nX-Stream-Protocol-Version: portforward.k8s.io\r\n"
            text += "Content-Length: 0\r\n"
        }
        for field in request.fields {
            // A line break in a token would end the field: nothing such may reach the wire.
            text += "\(field.name): \(field.value.filter { !$0.isNewline && $0 != "\0" })\r\n"
        }
        text += "\r\n"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state != .over else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        pending.append((unwrapOutboundIn(data), promise))
    }

    func flush(context: ChannelHandlerContext) {
        guard state == .open else { return }
        guard request.way.isWebSocket else {
            for (buffer, promise) in pending { context.write(wrapOutboundOut(buffer), promise: promise) }
            pending = []
            return context.flush()
        }
        let prefix: UInt8? = request.way == .channels ? 0 : nil
        while !pending.isEmpty {
            var count = 0
            var size = 0
            while count < pending.count, size == 0 || size + pending[count].buffer.readableBytes <= Self.frameLimit {
                size += pending[count].buffer.readableBytes
                count += 1
            }
            let batch = pending[..<count]
            let promises = batch.compactMap(\.promise)
            if size > 0 {
                var frame = context.channel.allocator.buffer(capacity: size + 1 + WebSocketFrameWriter.headerRoom)
                WebSocketFrameWriter.append(.binary, prefix: prefix, parts: batch.lazy.map(\.buffer), to: &frame)
                pending.removeFirst(count)
                context.write(wrapOutboundOut(frame), promise: Self.join(promises))
            } else {
                pending.removeFirst(count)
                for promise in promises { promise.succeed(()) }
            }
        }
        context.flush()
    }

    private static func join(_ promises: [EventLoopPromise<Void>]) -> EventLoopPromise<Void>? {
        guard let first = promises.first else { return nil }
        for other in promises.dropFirst() { first.futureResult.cascade(to: other) }
        return first
    }

    private func control(
        _ opcode: WebSocketFrameWriter.Opcode,
        _ payload: ByteBuffer,
        _ context: ChannelHandlerContext
    ) {
        guard request.way.isWebSocket else { return }
        var frame = context.channel.allocator.buffer(capacity: payload.readableBytes + WebSocketFrameWriter.headerRoom)
        WebSocketFrameWriter.append(opcode, prefix: nil, parts: CollectionOfOne(payload), to: &frame)
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .output: promise?.succeed(())
        case .input, .all:
            if state == .open {
                flush(context: context)
                control(.close, ByteBuffer(integer: UInt16(1000)), context)
            }
            end(ChannelError.ioOnClosedChannel)
            context.close(mode: .all, promise: promise)
        }
    }
}
