import NIOCore

/// A port-forward by `v4.channel.k8s.io`: the first byte of a message is the channel; port i has channel 2i for data and
/// 2i+1 for errors.
final class WebSocketPortForward: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let target: PodTarget
    private let ports: [Int]
    private var reader = WebSocketReader()
    private var sockets: [PodSocket] = []
    private var open = 0
    private var reading = true
    /// The channel of the message that is being received; nil before its first byte.
    private var current: UInt8?

    init(_ target: PodTarget, ports: [Int]) {
        self.target = target
        self.ports = ports
    }

    func handlerAdded(context: ChannelHandlerContext) {
        for (index, port) in self.ports.enumerated() {
            for channel in [2 * index, 2 * index + 1] {
                // Which port it is, as two bytes, little-endian.
                self.send(UInt8(channel), ByteBuffer(bytes: [UInt8(port & 255), UInt8(port >> 8)]), context)
            }
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            let callbacks = PodSocket.Callbacks(
                data: { [weak self] in self?.send(UInt8(2 * index), $0, bound.value) },
                readComplete: { bound.value.flush() },
                // The protocol knows no half-close: what the pod has sent is sent on, then all is over.
                end: { [weak self] in self?.ended(bound.value) },
                close: { [weak self] _ in self?.ended(bound.value) },
                writability: { [weak self] in self?.balance(bound.value) }
            )
            self.open += 1
            self.sockets.append(
                PodSocket(
                    self.target,
                    port: port,
                    on: context.eventLoop,
                    reading: true,
                    callbacks: callbacks,
                    failed: { [weak self] text in
                        self?.send(UInt8(2 * index + 1), ByteBuffer(string: text), bound.value)
                        self?.ended(bound.value)
                    }
                )
            )
        }
        context.flush()
    }

    private func send(_ channel: UInt8, _ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        var head = WebSocketReader.header(length: bytes.readableBytes + 1)
        head.writeInteger(channel)
        context.write(self.wrapOutboundOut(head), promise: nil)
        context.write(self.wrapOutboundOut(bytes), promise: nil)
    }

    private func ended(_ context: ChannelHandlerContext) {
        self.open -= 1
        guard self.open == 0 else {
            context.flush()
            return
        }
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
                case .begin: self.current = nil
                case .data(var bytes):
                    if self.current == nil { self.current = bytes.readInteger() }
                    guard let channel = self.current, bytes.readableBytes > 0 else { continue }
                    // The error channels carry nothing in this direction.
                    guard channel % 2 == 0, Int(channel / 2) < self.sockets.count else { continue }
                    self.sockets[Int(channel / 2)].write(bytes)
                case .ping(let payload):
                    context.write(
                        self.wrapOutboundOut(WebSocketReader.header(opcode: 10, length: payload.readableBytes)),
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

    func channelReadComplete(context: ChannelHandlerContext) {
        for socket in self.sockets { socket.flush() }
        self.balance(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        for socket in self.sockets { socket.setReading(context.channel.isWritable) }
    }

    /// Reads from the client only while all pods take what it sends.
    private func balance(_ context: ChannelHandlerContext) {
        let wanted = self.sockets.allSatisfy(\.isWritable)
        guard wanted != self.reading else { return }
        self.reading = wanted
        try? context.channel.syncOptions?.setOption(.autoRead, value: wanted)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        for socket in self.sockets { socket.close() }
        self.sockets = []
        context.fireChannelInactive()
    }
}
