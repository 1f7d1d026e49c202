import Cluster
import NIOCore

/// `exec` and `attach` by SPDY/3.1 streams (`v4.channel.k8s.io`): one stream each for input, output, error output, size and `Status`.
///
/// The process begins once the client has opened all streams that its request names.
final class SPDYExec: ExecHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let target: ExecTarget
    private let headers = SPDYHeaders()
    private var reader = SPDYReader()
    /// Stream numbers by type.
    private var types: [String: UInt32] = [:]
    var streams: ExecStreams?
    private var size: [UInt8] = []
    var reading = true

    init(_ target: ExecTarget) { self.target = target }

    private var expected: Set<String> {
        var expected: Set<String> = ["error"]
        if self.target.options.input { expected.insert("stdin") }
        if self.target.options.output { expected.insert("stdout") }
        if self.target.options.error { expected.insert("stderr") }
        return expected
    }

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
        case .open(let stream, let block, let final): self.open(stream, try self.headers.read(block), final, context)
        case .headers(let block): _ = try self.headers.read(block)
        case .data(let stream, let bytes, let final):
            if stream == self.types["stdin"] {
                if bytes.readableBytes > 0 { self.streams?.write(bytes) }
                if final { self.streams?.closeInput() }
            } else if stream == self.types["resize"] {
                self.resize(bytes)
            }
        case .reset(let stream): if stream == self.types["stdin"] { self.streams?.closeInput() }
        case .ping(let id): context.writeAndFlush(self.wrapOutboundOut(SPDYReader.ping(id)), promise: nil)
        case .goAway: break
        }
    }

    private func resize(_ bytes: ByteBuffer) {
        self.size += bytes.readableBytesView
        if self.size.count > 1024 { self.size = [] }
        guard let size = try? JSONValue.parse(self.size) else { return }
        self.size = []
        self.streams?.resize(UInt16(clamping: size["Width"]?.int ?? 0), UInt16(clamping: size["Height"]?.int ?? 0))
    }

    private func open(_ stream: UInt32, _ fields: [String: String], _ final: Bool, _ context: ChannelHandlerContext) {
        let type = fields["streamtype"] ?? ""
        guard self.expected.contains(type) || type == "resize", self.types[type] == nil else {
            context.writeAndFlush(self.wrapOutboundOut(SPDYReader.reset(stream: stream, status: 3)), promise: nil)
            return
        }
        self.types[type] = stream
        let reply = SPDYReader.reply(stream: stream, block: self.headers.write([]))
        context.writeAndFlush(self.wrapOutboundOut(reply), promise: nil)
        guard self.streams == nil, self.expected.isSubset(of: self.types.keys) else { return }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        self.streams = ExecStreams(
            self.target,
            on: context.eventLoop,
            callbacks: ExecStreams.Callbacks(
                data: { [weak self] number, bytes in
                    self?.send(number == 1 ? "stdout" : "stderr", bytes, bound.value)
                },
                readComplete: { bound.value.flush() },
                writability: { [weak self] in self?.balance(bound.value) },
                end: { [weak self] status in self?.finish(status, bound.value) }
            )
        )
    }

    private func send(_ type: String, _ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
        guard let stream = self.types[type] else { return }
        let head = SPDYReader.data(stream: stream, length: bytes.readableBytes, final: false)
        context.write(self.wrapOutboundOut(head), promise: nil)
        context.write(self.wrapOutboundOut(bytes), promise: nil)
    }

    private func finish(_ status: JSONValue, _ context: ChannelHandlerContext) {
        self.send("error", ByteBuffer(bytes: status.serialized()), context)
        for type in ["stdout", "stderr", "error"] {
            guard let stream = self.types[type] else { continue }
            let end = SPDYReader.data(stream: stream, length: 0, final: true)
            context.write(self.wrapOutboundOut(end), promise: nil)
        }
        context.flush()
        // The client closes once it has read everything; one that does not is not waited for.
        context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(10)) { context.close(promise: nil) }
    }
}
