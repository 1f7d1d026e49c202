import DequeModule
import NIOCore
import NIOHTTP1
import TLS

/// One HTTP/1.1 connection: requests one after the other, until one of them turns it into a port-forward.
///
/// Confined to the channel's event loop; requests are answered by tasks, which come back to the loop to write.
final class HTTP1Connection: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let server: APIServer
    private let peer: PeerCertificate?
    private let encoder: HTTPResponseEncoder
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private var waiting: Deque<HTTPServerRequestPart> = []
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []
    private var task: Task<Void, Never>?
    private var busy = false
    private var context: ChannelHandlerContext?

    /// The largest body that is taken, as in Kubernetes.
    static let bodyLimit = 3 << 20

    init(
        server: APIServer,
        peer: PeerCertificate?,
        encoder: HTTPResponseEncoder,
        decoder: ByteToMessageHandler<HTTPRequestDecoder>
    ) {
        self.server = server
        self.peer = peer
        self.encoder = encoder
        self.decoder = decoder
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = self.unwrapInboundIn(data)
        guard !self.busy else {
            // Requests sent ahead wait for their turn; nobody needs many.
            self.waiting.append(part)
            if self.waiting.count > 256 { context.close(promise: nil) }
            return
        }
        self.take(part, context)
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.task?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.task?.cancel()
        context.close(promise: nil)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        self.task?.cancel()
    }

    private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
        switch part {
        case .head(let head):
            self.head = head
            self.body = []
        case .body(let buffer):
            self.body += buffer.readableBytesView
            guard self.body.count > Self.bodyLimit, let head = self.head else { return }
            self.head = nil
            self.busy = true
            let error = StatusError(
                code: 413,
                reason: "RequestEntityTooLarge",
                message: "Request entity too large: limit is \(Self.bodyLimit)"
            )
            self.answer(APIResponse(error), head, keepAlive: false, context)
        case .end:
            guard let head = self.head else { return }
            self.head = nil
            self.busy = true
            self.begin(head, context)
        }
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let request = APIRequest(
            method: head.method.rawValue,
            target: head.uri,
            headers: head.headers.map { ($0.name.lowercased(), $0.value) },
            body: self.body,
            peer: self.peer
        )
        self.body = []
        if head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" }) {
            self.upgrade(request, head, context)
            return
        }
        let server = self.server
        self.start(head, keepAlive: head.isKeepAlive, context) { await server.respond(to: request) }
    }

    private func answer(
        _ response: APIResponse,
        _ head: HTTPRequestHead,
        keepAlive: Bool,
        _ context: ChannelHandlerContext
    ) {
        self.start(head, keepAlive: keepAlive, context) { response }
    }

    private func start(
        _ head: HTTPRequestHead,
        keepAlive: Bool,
        _ context: ChannelHandlerContext,
        _ respond: @escaping @Sendable () async -> APIResponse
    ) {
        let channel = context.channel
        let loop = context.eventLoop
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        self.task = Task {
            let response = await respond()
            let done = await HTTP1Connection.send(response, to: head, keepAlive: keepAlive, channel)
            loop.execute { this.value.finish(keepAlive: done, channel) }
        }
    }

    private func finish(keepAlive: Bool, _ channel: any Channel) {
        self.task = nil
        guard keepAlive, let context = self.context else {
            channel.close(promise: nil)
            return
        }
        self.busy = false
        while !self.busy, let part = self.waiting.popFirst() { self.take(part, context) }
    }

    /// Writes an answer; false when the connection is not to be used again.
    private static func send(
        _ response: APIResponse,
        to request: HTTPRequestHead,
        keepAlive: Bool,
        _ channel: any Channel
    ) async -> Bool {
        var head = HTTPResponseHead(
            version: request.version,
            status: HTTPResponseStatus(statusCode: response.status)
        )
        for (name, value) in response.headers { head.headers.add(name: name, value: value) }
        if !keepAlive { head.headers.add(name: "connection", value: "close") }
        do {
            switch response.body {
            case .bytes(let bytes):
                head.headers.add(name: "content-length", value: "\(bytes.count)")
                channel.write(HTTPServerResponsePart.head(head), promise: nil)
                if request.method != .HEAD {
                    channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
                }
                try await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
            case .stream(let pieces):
                try await channel.writeAndFlush(HTTPServerResponsePart.head(head)).get()
                for await piece in pieces {
                    try await channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(piece))).get()
                }
                try Task.checkCancellation()
                try await channel.writeAndFlush(HTTPServerResponsePart.end(nil)).get()
            }
            return keepAlive
        } catch {
            return false
        }
    }

    // MARK: Upgrade

    private func upgrade(_ request: APIRequest, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let accepted: any ConnectionUpgrade
        do throws(StatusError) {
            let isExec = request.path.hasSuffix("/exec") || request.path.hasSuffix("/attach")
            accepted =
                isExec
                ? try ExecUpgrade(request, server: self.server)
                : try PortForwardUpgrade(request, server: self.server)
        } catch {
            self.answer(APIResponse(error), head, keepAlive: false, context)
            return
        }
        var response = HTTPResponseHead(version: .http1_1, status: .switchingProtocols)
        for (name, value) in accepted.headers { response.headers.add(name: name, value: value) }
        context.write(self.wrapOutboundOut(.head(response)), promise: nil)
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        if let pod = accepted.forwardTarget { self.server.faults.add(forward: context.channel, to: pod) }
        do {
            let pipeline = context.pipeline.syncOperations
            // First, because the new handlers may write as soon as they are added.
            pipeline.removeHandler(self.encoder, promise: nil)
            let delay = self.server.faults.plan.forwardDelay
            if delay > 0 { try pipeline.addHandler(DelayHandler(milliseconds: delay)) }
            for handler in accepted.makeHandlers(access: self.server.access) { try pipeline.addHandler(handler) }
            pipeline.removeHandler(context: context, promise: nil)
            // Last, because it passes on what has arrived after the request.
            pipeline.removeHandler(self.decoder, promise: nil)
        } catch {
            context.close(promise: nil)
        }
    }
}
