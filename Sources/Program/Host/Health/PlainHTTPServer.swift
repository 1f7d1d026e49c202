package import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Answers GET over HTTP/1.1 without TLS: health, readiness and metrics, for the kubelet and for Prometheus.
package final class PlainHTTPServer: Sendable {
    /// An answer.
    package struct Response: Sendable, Equatable {
        package var status: Int
        package var contentType: String
        package var body: String

        package init(_ status: Int, _ body: String, contentType: String = "text/plain; charset=utf-8") {
            self.status = status
            self.body = body
            self.contentType = contentType
        }
    }

    /// Answers a path, without its query; nil where there is nothing.
    package typealias Responder = @Sendable (_ path: String) async -> Response?

    /// Connections that say nothing for so long are closed.
    private static let idleTime = TimeAmount.seconds(30)

    private let channel: any Channel

    private init(_ channel: any Channel) {
        self.channel = channel
    }

    /// Listens.
    package static func start(
        host: String,
        port: Int,
        group: any EventLoopGroup,
        respond: @escaping Responder
    ) async throws -> PlainHTTPServer {
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.addHandler(IdleStateHandler(allTimeout: idleTime))
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(PlainHTTPHandler(respond))
                }
            }
            .bind(host: host, port: port).get()
        return PlainHTTPServer(channel)
    }

    /// Where it listens.
    package var port: Int { channel.localAddress?.port ?? 0 }

    /// Stops listening.
    package func stop() async {
        try? await channel.close().get()
    }
}

/// One connection of a ``PlainHTTPServer``; the pipeline below gives it one request at a time.
private final class PlainHTTPHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let respond: PlainHTTPServer.Responder
    private var head: HTTPRequestHead?

    init(_ respond: @escaping PlainHTTPServer.Responder) {
        self.respond = respond
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch Self.unwrapInboundIn(data) {
        case .head(let head): self.head = head
        // Nobody sends a body with GET; what comes is dropped.
        case .body: break
        case .end:
            guard let head else { return }
            self.head = nil
            answer(head, context)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        guard head.method == .GET || head.method == .HEAD else {
            return send(.init(405, "only GET\n"), head, context)
        }
        let path = String(head.uri.prefix { $0 != "?" })
        let bound = NIOLoopBound((self, context, head), eventLoop: context.eventLoop)
        let (respond, eventLoop) = (respond, context.eventLoop)
        Task {
            let response = await respond(path) ?? .init(404, "there is nothing at \(path)\n")
            eventLoop.execute {
                let (handler, context, head) = bound.value
                handler.send(response, head, context)
            }
        }
    }

    private func send(_ response: PlainHTTPServer.Response, _ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let status = HTTPResponseStatus(statusCode: response.status)
        var headers = HTTPHeaders()
        headers.add(name: "content-type", value: response.contentType)
        headers.add(name: "content-length", value: String(response.body.utf8.count))
        if !head.isKeepAlive { headers.add(name: "connection", value: "close") }
        context.write(
            Self.wrapOutboundOut(.head(HTTPResponseHead(version: head.version, status: status, headers: headers))),
            promise: nil
        )
        if head.method != .HEAD {
            context.write(Self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: response.body)))), promise: nil)
        }
        let channel = context.channel
        context.writeAndFlush(Self.wrapOutboundOut(.end(nil))).whenComplete { _ in
            if !head.isKeepAlive { channel.close(promise: nil) }
        }
    }
}
