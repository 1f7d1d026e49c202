import Cluster
import HTTP2
import NIOCore
import NIOHTTP1
import NIOPosix
import TLS

/// Sends an AdmissionReview to a webhook over HTTPS and reads the answer.
struct WebhookClient: Sendable {
    /// Why a webhook gave no answer that can be used.
    struct Failure: Error {
        let reason: String
    }

    private struct Target {
        let host: String
        let port: Int
        let path: String
        /// Set when the webhook is a Service.
        let service: (namespace: String, name: String)?
        var url: String { "https://\(self.host):\(self.port)\(self.path)" }
    }

    let access: NodeAccess

    /// Posts a review, with the configuration's URL or Service and its `caBundle`; `timeout` is in seconds.
    func post(_ review: JSONValue, to configuration: JSONValue, timeout: Int) async throws(Failure) -> JSONValue {
        let target = try Self.target(configuration)
        let bytes: [UInt8]
        do {
            let trust: TLSTrust =
                if let bundle = configuration["caBundle"]?.string, let pem = Base64.decode(bundle), !pem.isEmpty {
                    .authorities(pem: pem)
                } else {
                    .system
                }
            let context = try TLSContext.client(trust: trust, identity: nil, alpn: ["http/1.1"])
            bytes = try await self.exchange(review.serialized(), target, context, .seconds(Int64(timeout)))
        } catch {
            let why = (error as? Failure)?.reason ?? "\(error)"
            throw Failure(reason: "Post \"\(target.url)?timeout=\(timeout)s\": \(why)")
        }
        do throws(JSONError) {
            return try JSONValue.parse(bytes)
        } catch {
            throw Failure(reason: "Post \"\(target.url)\": the answer is \(error.description)")
        }
    }

    private static func target(_ configuration: JSONValue) throws(Failure) -> Target {
        if let service = configuration["service"], let name = service["name"]?.string,
            let namespace = service["namespace"]?.string
        {
            return Target(
                host: "\(name).\(namespace).svc",
                port: service["port"]?.int ?? 443,
                path: service["path"]?.string ?? "/",
                service: (namespace, name)
            )
        }
        guard let url = configuration["url"]?.string, let rest = url.suffix(after: "https://") else {
            throw Failure(reason: "the webhook has neither a service nor an https URL")
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var host = rest[..<slash]
        var port = 443
        if let colon = host.lastIndex(of: ":"), let number = Int(host[host.index(after: colon)...]) {
            port = number
            host = host[..<colon]
        }
        let path = rest[slash...].isEmpty ? "/" : String(rest[slash...])
        return Target(
            host: String(host).trimmingBrackets,
            port: port,
            path: path,
            service: nil
        )
    }

    private func exchange(
        _ body: [UInt8],
        _ target: Target,
        _ tls: TLSContext,
        _ timeout: TimeAmount
    ) async throws -> [UInt8] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answer = loop.makePromise(of: [UInt8].self)
        let timer = loop.scheduleTask(in: timeout) {
            answer.fail(Failure(reason: "context deadline exceeded"))
        }
        var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: target.path)
        head.headers = [
            "host": "\(target.host):\(target.port)", "content-type": "application/json",
            "accept": "application/json", "content-length": "\(body.count)", "connection": "close",
        ]
        let request = head
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(timeout).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                let pipeline = channel.pipeline.syncOperations
                try pipeline.addHandler(TLSHandler(context: tls, role: .client(serverName: target.host)))
                try pipeline.addHandler(HTTPRequestEncoder())
                try pipeline.addHandler(ByteToMessageHandler(HTTPResponseDecoder()))
                try pipeline.addHandler(Exchange(request, body, answer))
            }
        }
        let channel: any Channel
        do {
            if let service = target.service {
                let descriptor = try await self.access.dialService(service.namespace, service.name, target.port)
                channel = try await bootstrap.withConnectedSocket(descriptor).get()
            } else {
                channel = try await bootstrap.connect(host: target.host, port: target.port).get()
            }
        } catch {
            timer.cancel()
            answer.fail(error)
            throw (error as? StatusError).map { Failure(reason: $0.message) } ?? error
        }
        defer {
            timer.cancel()
            channel.close(promise: nil)
        }
        return try await answer.futureResult.get()
    }

    /// Sends one request once the channel is up, and collects the answer.
    private final class Exchange: ChannelInboundHandler {
        typealias InboundIn = HTTPClientResponsePart
        typealias OutboundOut = HTTPClientRequestPart

        private let head: HTTPRequestHead
        private let body: [UInt8]
        private let answer: EventLoopPromise<[UInt8]>
        private var status = 0
        private var collected: [UInt8] = []
        private var sent = false

        init(_ head: HTTPRequestHead, _ body: [UInt8], _ answer: EventLoopPromise<[UInt8]>) {
            self.head = head
            self.body = body
            self.answer = answer
        }

        func handlerAdded(context: ChannelHandlerContext) {
            if context.channel.isActive { self.send(context) }
        }

        func channelActive(context: ChannelHandlerContext) {
            self.send(context)
            context.fireChannelActive()
        }

        private func send(_ context: ChannelHandlerContext) {
            guard !self.sent else { return }
            self.sent = true
            context.write(self.wrapOutboundOut(.head(self.head)), promise: nil)
            context.write(self.wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: self.body)))), promise: nil)
            context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch self.unwrapInboundIn(data) {
            case .head(let head): self.status = Int(head.status.code)
            case .body(let buffer):
                self.collected += Array(buffer.readableBytesView)
                if self.collected.count > 16 << 20 { self.fail(Failure(reason: "the answer is too large"), context) }
            case .end:
                if self.status == 200 {
                    self.answer.succeed(self.collected)
                } else {
                    self.fail(Failure(reason: "the server answered with status \(self.status)"), context)
                }
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            self.fail((error as? TLSError).map { Failure(reason: "tls: \($0.description)") } ?? error, context)
        }

        func channelInactive(context: ChannelHandlerContext) {
            self.answer.fail(Failure(reason: "the connection was closed before the answer"))
            context.fireChannelInactive()
        }

        private func fail(_ error: any Error, _ context: ChannelHandlerContext) {
            self.answer.fail(error)
            context.close(promise: nil)
        }
    }
}

extension String {
    /// An address without the brackets that it has in URLs.
    fileprivate var trimmingBrackets: String {
        self.hasPrefix("[") && self.hasSuffix("]") ? String(self.dropFirst().dropLast()) : self
    }
}
