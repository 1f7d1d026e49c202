import Cluster
import NIOCore

/// `exec` and `attach` by `v4.channel.k8s.io` or `v5.channel.k8s.io`: the first byte of a message is the channel.
///
/// 0 is standard input, 1 output, 2 error output, 3 the `Status` at the end, 4 the terminal's size; in version 5 a message on
/// channel 255 closes the channel that it names.
final class WebSocketExec: ExecHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let target: ExecTarget
    private let closes: Bool
    private var reader = WebSocketReader()
    var streams: ExecStreams?
    private var channel: UInt8?
    private var size: [UInt8] = []
    var reading = true

    /// `closes` says whether the protocol has the close message.
    init(_ target: ExecTarget, closes: Bool) {
        self.target = target
        self.closes = closes
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        // An empty message tells the client that the connection stands.
        self.send(self.target.options.output ? 1 : self.target.options.error ? 2 : 3, ByteBuffer(), context)
        context.flush()
        self.streams = ExecStreams(
            self.target,
            on: context.eventLoop,
            callbacks: ExecStreams.Callbacks(
                data: { [weak self] number, bytes in self?.send(number, bytes, bound.value) },
                readComplete: { bound.value.flush() },
                writability: { [weak self] in self?.balance(bound.value) },
                end: { [weak self] status in self?.finish(status, bound.value) }
            )
        )
    }

    private func send(_ channel: UInt8, _ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        var head = WebSocketReader.header(length: bytes.readableBytes + 1)
        head.writeInteger(channel)
        context.write(self.wrapOutboundOut(head), promise: nil)
        if bytes.readableBytes > 0 { context.write(self.wrapOutboundOut(bytes), promise: nil) }
    }

    private func finish(_ status: JSONValue, _ context: ChannelHandlerContext) {
        self.send(3, ByteBuffer(bytes: status.serialized()), context)
        var frame = WebSocketReader.header(opcode: 8, length: 2)
        frame.writeInteger(UInt16(1000))
        context.writeAndFlush(self.wrapOutboundOut(frame)).assumeIsolated().whenComplete { _ in
            context.close(promise: nil)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.reader.feed(self.unwrapInboundIn(data))
        do throws(WebSocketReader.Violation) {
            while let event = try self.reader.next() {
                switch event {
                case .begin:
                    self.channel = nil
                    self.size = []
                case .data(let bytes): self.take(bytes)
                case .ping(let payload):
                    let head = WebSocketReader.header(opcode: 10, length: payload.readableBytes)
                    context.write(self.wrapOutboundOut(head), promise: nil)
                    context.writeAndFlush(self.wrapOutboundOut(payload), promise: nil)
                case .close: return context.close(promise: nil)
                }
            }
        } catch {
            context.close(promise: nil)
        }
    }

    private func take(_ bytes: ByteBuffer) {
        var bytes = bytes
        if self.channel == nil { self.channel = bytes.readInteger() }
        switch self.channel {
        case 0 where bytes.readableBytes > 0: self.streams?.write(bytes)
        case 4:
            self.size += bytes.readableBytesView
            // A client that floods it is not listened to.
            guard self.size.count < 1024, let size = try? JSONValue.parse(self.size) else { return }
            self.streams?.resize(UInt16(clamping: size["Width"]?.int ?? 0), UInt16(clamping: size["Height"]?.int ?? 0))
        case 255 where self.closes:
            if bytes.readInteger(as: UInt8.self) == 0 { self.streams?.closeInput() }
        default: break
        }
    }
}
