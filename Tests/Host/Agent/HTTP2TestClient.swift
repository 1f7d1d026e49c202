import NIOCore
import NIOPosix
import TLS

@testable import HTTP2

/// An HTTP/2 client of the test's own, with one connection.
final class HTTP2TestClient: Sendable {
    /// What came on one stream.
    struct Answer: Sendable {
        var interim: [HeaderBlock] = []
        var head = HeaderBlock()
        /// The head was all.
        var headEnds = false
        var body = ByteBuffer()
        var trailers = HeaderBlock()
        var end = StreamCloseReason.finished

        var status: String? { head.fields[":status"] }
        var text: String { String(buffer: body) }
    }

    /// A stream and what will have come on it.
    struct Exchange: Sendable {
        let stream: HTTP2Stream
        let answer: EventLoopFuture<Answer>

        func get() async throws -> Answer { try await answer.get() }

        /// Uses the stream on its loop.
        func on<Value: Sendable>(_ body: @escaping @Sendable (HTTP2Stream) -> Value) async throws -> Value {
            try await stream.link.eventLoop.submit { [stream] in body(stream) }.get()
        }
    }

    let loop: any EventLoop
    let link: Link

    init(_ port: Int, configuration: LinkConfiguration = LinkConfiguration(), tls: TLSContext? = nil) async throws {
        loop = MultiThreadedEventLoopGroup.singleton.next()
        var limits = configuration
        limits.pingsAtStart = false
        limits.keepaliveIdle = nil
        limits.validatesMessages = false
        let chosen = limits
        let channel = try await ClientBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .connect(host: "127.0.0.1", port: port).get()
        guard let tls else {
            link = try await Link.start(on: channel, role: .client, configuration: chosen).get()
            return
        }
        link = try await Link.startTLS(on: channel, context: tls, dialler: "web.test", configuration: chosen).get()
    }

    static func head(_ path: String, _ fields: [HeaderField] = []) -> HeaderBlock {
        HeaderBlock(
            [
                HeaderField(":method", "POST"), HeaderField(":scheme", "http"), HeaderField(":authority", "app:80"),
                HeaderField(":path", path),
            ] + fields
        )
    }

    /// Opens a stream and collects what comes; `then` may send more, on the loop.
    func start(
        _ head: HeaderBlock,
        endStream: Bool = true,
        reading: Bool = true,
        then: @escaping @Sendable (HTTP2Stream) -> Void = { _ in }
    ) async throws -> Exchange {
        try await loop.submit { [link, loop] in
            let promise = loop.makePromise(of: Answer.self)
            let stream: HTTP2Stream
            do {
                stream = try link.open(head, endStream: endStream)
            } catch {
                promise.fail(error)
                throw error
            }
            let answer = NIOLoopBoundBox(Answer(), eventLoop: loop)
            stream.onInterim = { answer.value.interim.append($0) }
            stream.onBlock = { block, ends in
                if answer.value.head.count == 0 {
                    answer.value.head = block
                    answer.value.headEnds = ends
                } else {
                    answer.value.trailers = block
                }
            }
            stream.onData = { [unowned stream] in
                if reading { stream.consume($0.readableBytes) }
                answer.value.body.writeImmutableBuffer($0)
            }
            stream.onClose = {
                answer.value.end = $0
                promise.succeed(answer.value)
            }
            then(stream)
            return Exchange(stream: stream, answer: promise.futureResult)
        }.get()
    }

    /// Asks and waits for the whole answer.
    func ask(
        _ path: String,
        _ fields: [HeaderField] = [],
        body: ByteBuffer? = nil,
        trailers: HeaderBlock? = nil
    ) async throws -> Answer {
        try await start(Self.head(path, fields), endStream: body == nil && trailers == nil) { stream in
            if let body { stream.write(body) }
            if body != nil || trailers != nil { stream.end(with: trailers) }
        }.get()
    }

    /// Looks at the link on its loop.
    func on<Value: Sendable>(_ body: @escaping @Sendable (Link) -> Value) async throws -> Value {
        try await loop.submit { [link] in body(link) }.get()
    }

    func close() async { try? await loop.submit { [link] in link.close() }.get() }
}
