import NIOCore

/// A port-forward by SPDY/3.1 streams: each forwarded connection has a data and an error stream, told apart by headers.
final class SPDYPortForward: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// One forwarded connection.
    private final class Forward {
        let socket: PodSocket
        let request: String
        var clientEnded = false
        var podEnded = false

        init(socket: PodSocket, request: String) {
            self.socket = socket
            self.request = request
        }
    }

    private let target: PodTarget
    private let headers = SPDYHeaders()
    private var reader = SPDYReader()
    /// By data stream.
    private var forwards: [UInt32: Forward] = [:]
    /// Error streams by request.
    private var errors: [String: UInt32] = [:]
    /// Forwards that were written to since the last flush.
    private var touched: Set<UInt32> = []
    private var full: Set<UInt32> = []
    private var reading = true

    init(_ target: PodTarget) { self.target = target }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.reader.feed(self.unwrapInboundIn(data))
        do {
            while let event = try self.reader.next() { try self.handle(event, context) }
        } catch {
            context.close(promise: nil)
        }
    }

    private func handle(_ event: SPDYReader.Event, _ context: ChannelHandlerContext) throws {
        switch event {
        case .open(let stream, let block, let final):
            self.open(stream, try self.headers.read(block), final, context)
        case .headers(let block): _ = try self.headers.read(block)
        case .data(let stream, let bytes, let final):
            // Clients write nothing to error streams but their end.
            guard let forward = self.forwards[stream] else { return }
            if bytes.readableBytes > 0 {
                forward.socket.write(bytes)
                self.touched.insert(stream)
            }
            if final {
                forward.socket.flush()
                forward.clientEnded = true
                forward.socket.closeOutput()
                self.settle(stream, context)
            }
        case .reset(let stream):
            guard let forward = self.forwards[stream] else { return }
            forward.socket.close()
            self.forget(stream, forward, context)
        case .ping(let id): context.writeAndFlush(self.wrapOutboundOut(SPDYReader.ping(id)), promise: nil)
        case .goAway: break
        }
    }

    private func open(_ stream: UInt32, _ fields: [String: String], _ final: Bool, _ context: ChannelHandlerContext) {
        let request = fields["requestid"] ?? fields["port"] ?? ""
        guard let port = fields["port"].flatMap({ Int($0) }), (1...65535).contains(port),
            ["data", "error"].contains(fields["streamtype"] ?? ""), self.forwards.count < 4096
        else {
            context.writeAndFlush(self.wrapOutboundOut(SPDYReader.reset(stream: stream, status: 3)), promise: nil)
            return
        }
        let reply = SPDYReader.reply(stream: stream, block: self.headers.write([]))
        context.writeAndFlush(self.wrapOutboundOut(reply), promise: nil)
        if fields["streamtype"] == "error" {
            self.errors[request] = stream
            return
        }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        let callbacks = PodSocket.Callbacks(
            data: { [weak self] in self?.send(stream, $0, bound.value) },
            readComplete: { bound.value.flush() },
            end: { [weak self] in self?.podEnded(stream, bound.value) },
            close: { [weak self] error in self?.podClosed(stream, error, bound.value) },
            writability: { [weak self] in self?.balance(stream, bound.value) }
        )
        let socket = PodSocket(
            self.target,
            port: port,
            on: context.eventLoop,
            reading: context.channel.isWritable,
            callbacks: callbacks,
            failed: { [weak self] text in self?.refuse(stream, text, bound.value) }
        )
        let forward = Forward(socket: socket, request: request)
        self.forwards[stream] = forward
        if final {
            forward.clientEnded = true
            socket.closeOutput()
        }
    }

    private func send(_ stream: UInt32, _ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        let head = SPDYReader.data(stream: stream, length: bytes.readableBytes, final: false)
        context.write(self.wrapOutboundOut(head), promise: nil)
        context.write(self.wrapOutboundOut(bytes), promise: nil)
    }

    private func end(_ stream: UInt32, _ context: ChannelHandlerContext) {
        let head = SPDYReader.data(stream: stream, length: 0, final: true)
        context.writeAndFlush(self.wrapOutboundOut(head), promise: nil)
    }

    private func podEnded(_ stream: UInt32, _ context: ChannelHandlerContext) {
        guard let forward = self.forwards[stream], !forward.podEnded else { return }
        forward.podEnded = true
        self.end(stream, context)
        self.settle(stream, context)
    }

    private func podClosed(_ stream: UInt32, _ error: (any Error)?, _ context: ChannelHandlerContext) {
        guard let forward = self.forwards[stream] else { return }
        if error != nil {
            context.writeAndFlush(self.wrapOutboundOut(SPDYReader.reset(stream: stream, status: 5)), promise: nil)
        } else if !forward.podEnded {
            self.end(stream, context)
        }
        self.forget(stream, forward, context)
    }

    private func refuse(_ stream: UInt32, _ text: String, _ context: ChannelHandlerContext) {
        guard let forward = self.forwards[stream] else { return }
        if let error = self.errors[forward.request] { self.send(error, ByteBuffer(string: text), context) }
        self.forget(stream, forward, context)
        self.end(stream, context)
    }

    /// Forgets a connection that both sides have ended.
    private func settle(_ stream: UInt32, _ context: ChannelHandlerContext) {
        guard let forward = self.forwards[stream], forward.clientEnded, forward.podEnded else { return }
        forward.socket.close()
        self.forget(stream, forward, context)
    }

    private func forget(_ stream: UInt32, _ forward: Forward, _ context: ChannelHandlerContext) {
        self.forwards[stream] = nil
        self.touched.remove(stream)
        if let error = self.errors.removeValue(forKey: forward.request) { self.end(error, context) }
        if self.full.remove(stream) != nil { self.setReading(context) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        for stream in self.touched {
            guard let socket = self.forwards[stream]?.socket else { continue }
            socket.flush()
            if !socket.isWritable { self.balance(stream, context) }
        }
        self.touched.removeAll(keepingCapacity: true)
    }

    /// Reads from the client only while all pods take what it sends: the protocol's clients keep no windows.
    private func balance(_ stream: UInt32, _ context: ChannelHandlerContext) {
        guard let socket = self.forwards[stream]?.socket else { return }
        if socket.isWritable { self.full.remove(stream) } else { self.full.insert(stream) }
        self.setReading(context)
    }

    private func setReading(_ context: ChannelHandlerContext) {
        guard self.full.isEmpty != self.reading else { return }
        self.reading = self.full.isEmpty
        try? context.channel.syncOptions?.setOption(.autoRead, value: self.reading)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        for forward in self.forwards.values { forward.socket.setReading(context.channel.isWritable) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        for forward in self.forwards.values { forward.socket.close() }
        self.forwards = [:]
        context.fireChannelInactive()
    }
}
