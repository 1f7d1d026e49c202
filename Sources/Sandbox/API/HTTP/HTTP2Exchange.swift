import HTTP2
import NIOCore
import TLS

/// One request on an HTTP/2 stream, and its answer.
///
/// Confined to the link's event loop, but for the task that makes the answer.
final class HTTP2Exchange {
    private let server: APIServer
    private let stream: HTTP2Stream
    private let fields: [HeaderField]
    private let peer: PeerCertificate?
    private var body: [UInt8] = []
    private var task: Task<Void, Never>?
    private var closed = false
    private var writable: EventLoopPromise<Void>?

    private init(_ server: APIServer, _ stream: HTTP2Stream, _ fields: [HeaderField], _ peer: PeerCertificate?) {
        self.server = server
        self.stream = stream
        self.fields = fields
        self.peer = peer
    }

    /// Takes a stream that the peer has opened.
    static func serve(
        _ server: APIServer,
        _ stream: HTTP2Stream,
        _ fields: [HeaderField],
        _ end: Bool,
        peer: PeerCertificate?
    ) {
        let exchange = HTTP2Exchange(server, stream, fields, peer)
        stream.onData = { exchange.receive($0) }
        stream.onEnd = { exchange.begin() }
        stream.onWritable = { exchange.drained() }
        stream.onClose = { _ in exchange.close() }
        if end { exchange.begin() }
    }

    private func receive(_ buffer: ByteBuffer) {
        self.stream.consume(buffer.readableBytes)
        guard self.body.count + buffer.readableBytes <= HTTP1Connection.bodyLimit else {
            let error = StatusError(
                code: 413,
                reason: "RequestEntityTooLarge",
                message: "Request entity too large: limit is \(HTTP1Connection.bodyLimit)"
            )
            self.start { APIResponse(error) }
            return
        }
        self.body += buffer.readableBytesView
    }

    private func begin() {
        let server = self.server
        let method = self.fields.first { $0.name == ":method" }?.value ?? ""
        let request = APIRequest(
            method: method,
            target: self.fields.first { $0.name == ":path" }?.value ?? "/",
            headers: self.fields.filter { !$0.name.hasPrefix(":") }.map { ($0.name, $0.value) },
            body: self.body,
            peer: self.peer
        )
        self.body = []
        self.start { await server.respond(to: request) }
    }

    private func start(_ respond: @escaping @Sendable () async -> APIResponse) {
        guard self.task == nil, !self.closed else { return }
        let loop = self.stream.link.eventLoop
        let this = NIOLoopBound(self, eventLoop: loop)
        let headless = self.fields.contains { $0.name == ":method" && $0.value == "HEAD" }
        self.task = Task {
            let response = await respond()
            switch response.body {
            case .bytes(let bytes):
                loop.execute { this.value.send(response, headless ? [] : bytes, length: bytes.count) }
            case .stream(let pieces):
                loop.execute { this.value.sendHead(response, length: nil, end: false) }
                for await piece in pieces {
                    do {
                        try await loop.flatSubmit { this.value.write(piece) }.get()
                    } catch {
                        break
                    }
                }
                if !Task.isCancelled { loop.execute { this.value.finish() } }
            }
        }
    }

    private func sendHead(_ response: APIResponse, length: Int?, end: Bool) {
        guard !self.closed else { return }
        var fields = [HeaderField(name: ":status", value: "\(response.status)")]
        for (name, value) in response.headers { fields.append(HeaderField(name: name, value: value)) }
        if let length { fields.append(HeaderField(name: "content-length", value: "\(length)")) }
        self.stream.sendHeaders(fields, endStream: end)
    }

    private func send(_ response: APIResponse, _ bytes: [UInt8], length: Int) {
        guard !self.closed else { return }
        self.sendHead(response, length: length, end: bytes.isEmpty)
        if bytes.isEmpty { return }
        self.stream.write(ByteBuffer(bytes: bytes))
        self.stream.end()
    }

    /// Queues a piece; the future is done when there is room for the next.
    private func write(_ piece: ByteBuffer) -> EventLoopFuture<Void> {
        let loop = self.stream.link.eventLoop
        guard !self.closed else { return loop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
        self.stream.write(piece)
        if self.stream.isWritable { return loop.makeSucceededVoidFuture() }
        let promise = loop.makePromise(of: Void.self)
        self.writable = promise
        return promise.futureResult
    }

    private func finish() {
        if !self.closed { self.stream.end() }
    }

    private func drained() {
        self.writable?.succeed()
        self.writable = nil
    }

    private func close() {
        self.closed = true
        self.task?.cancel()
        self.writable?.fail(ChannelError.ioOnClosedChannel)
        self.writable = nil
    }
}
