import HTTP2
import NIOCore
import NIOPosix
import TLS

/// An HTTP/1.1 server on loopback that speaks TLS, and answers each request with who it is and what it was shown.
///
/// The answer is `name protocol caller`: the application protocol, and the name in the caller's certificate; `-` where there is none.
struct TLSAnswerer {
    let channel: any Channel
    let port: UInt16

    init(_ name: String, _ context: TLSContext) async throws {
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        TLSHandler(context: context, role: .server),
                        Answers(name)
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = UInt16(channel.localAddress?.port ?? 0)
    }

    func close() async { try? await channel.close() }

    private final class Answers: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let name: String
        private var facts = ""
        private var text = ""

        init(_ name: String) { self.name = name }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let done = event as? TLSHandshakeCompleted {
                facts = "\(done.alpn ?? "-") \(done.peer?.commonName ?? "-")"
            }
            if case .some(.inputClosed) = event as? ChannelEvent { context.close(promise: nil) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: Self.unwrapInboundIn(data))
            while let end = text.firstRange(of: "\r\n\r\n") {
                text.removeSubrange(..<end.upperBound)
                let body = "\(name) \(facts)"
                let head = "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
                context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: head + body)), promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
}

/// A client that speaks TLS and says something, and what came of it.
struct TLSAsker {
    struct Silence: Error {}

    /// What came back, up to what it was waited for.
    var text: String
    /// The application protocol.
    var alpn: String?
    /// The name in the server's certificate.
    var server: String?

    /// Says `text`, and waits until what came back has `awaited`, or for the end; without `awaited`, for the handshake.
    static func ask(
        port: Int,
        _ context: TLSContext,
        serverName: String? = "web.test",
        _ text: String,
        awaiting awaited: String?
    ) async throws -> TLSAsker {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: TLSAsker.self)
        let timer = loop.scheduleTask(in: .seconds(40)) { promise.fail(Silence()) }
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        TLSHandler(
                            context: context,
                            role: .client(serverName: serverName),
                            handshakeDeadline: .seconds(40)
                        ),
                        Collector(promise, text, awaited)
                    )
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        defer { channel.close(promise: nil) }
        defer { timer.cancel() }
        return try await promise.futureResult.get()
    }

    /// The body that answers a request with these header lines.
    static func get(port: Int, _ context: TLSContext, _ lines: String...) async throws -> TLSAsker {
        let head = "GET / HTTP/1.1\r\nHost: web.test\r\n" + lines.map { $0 + "\r\n" }.joined() + "\r\n"
        var answer = try await ask(port: port, context, head, awaiting: "\r\n\r\n")
        answer.text = String(answer.text.drop { $0 != "\r\n" }.split(separator: "\r\n\r\n").last ?? "")
        return answer
    }

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let promise: EventLoopPromise<TLSAsker>
        private let said: String
        private let awaited: String?
        private var asker = TLSAsker(text: "")

        init(_ promise: EventLoopPromise<TLSAsker>, _ said: String, _ awaited: String?) {
            self.promise = promise
            self.said = said
            self.awaited = awaited
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let done = event as? TLSHandshakeCompleted {
                asker.alpn = done.alpn
                asker.server = done.peer?.commonName
                guard awaited != nil else { return promise.succeed(asker) }
                context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: said)), promise: nil)
            }
            if case .some(.inputClosed) = event as? ChannelEvent { promise.succeed(asker) }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            asker.text += String(buffer: Self.unwrapInboundIn(data))
            if let awaited, let range = asker.text.firstRange(of: awaited), isWhole(asker.text[range.upperBound...]) {
                promise.succeed(asker)
            }
        }

        /// Whether the body that is announced, if any, has come.
        private func isWhole(_ rest: Substring) -> Bool {
            guard awaited == "\r\n\r\n", let start = asker.text.firstRange(of: "Content-Length: ")?.upperBound else {
                return true
            }
            let length = asker.text[start...].prefix { $0.isNumber }
            return rest.utf8.count >= (Int(length) ?? 0)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            promise.fail(error)
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { promise.fail(Silence()) }
    }
}
