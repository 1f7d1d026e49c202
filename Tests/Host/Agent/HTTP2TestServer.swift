import NIOCore
import NIOPosix
import TLS

@testable import HTTP2

/// An HTTP/2 server of the test's own, on loopback; what it does is in the path.
///
/// Confined to the loop, but for what says otherwise.
final class HTTP2TestServer: @unchecked Sendable {
    let name: String
    let port: Int
    let loop: any EventLoop
    /// Any thread.
    private let listener: any Channel
    private let state: NIOLoopBound<State>

    /// Confined to the loop.
    final class State {
        let name: String
        /// How many connections came.
        var accepts = 0
        var links: [Link] = []
        /// Requests to `/hang`, which are not answered.
        var hanging: [HTTP2Stream] = []
        /// How those of them ended that did.
        var ends: [StreamCloseReason] = []
        /// Bytes that came to `/hang`.
        var taken = 0
        /// Whether `/hang` reads.
        var reads = false
        /// Of all requests.
        var heads: [HeaderBlock] = []

        init(_ name: String) { self.name = name }

        // What it does with a request.
        func serve(_ stream: HTTP2Stream, _ head: HeaderBlock, _ endStream: Bool) {
            heads.append(head)
            let path = head.fields[":path"] ?? ""
            let ok = HeaderField(":status", "200")
            switch path {
            case "/who":
                stream.sendHeaders([ok, HeaderField("x-server", name)], endStream: false)
                stream.write(ByteBuffer(string: name))
                stream.end()
            case "/mirror":
                // Everything that came, in the answer and in its trailers.
                var answer: HeaderBlock = [ok]
                head.withView { view in
                    view.scan { name, value in
                        let name = name.bindMemory(to: UInt8.self)
                        let shown =
                            Array(":".utf8).first == name.first ? Array("x-".utf8) + name.dropFirst() : Array(name)
                        shown.withUnsafeBufferPointer {
                            answer.append(
                                name: $0,
                                value: value.bindMemory(to: UInt8.self),
                                neverIndexed: false
                            )
                        }
                        return true
                    }
                }
                stream.sendHeaders(answer, endStream: false)
                stream.onBlock = { trailers, _ in stream.end(with: trailers) }
                stream.onEnd = { stream.end() }
            case "/echo":
                stream.sendHeaders([ok, HeaderField("x-server", name)], endStream: false)
                var owed = 0
                let settle = {
                    guard stream.isWritable, owed > 0 else { return }
                    stream.consume(owed)
                    owed = 0
                }
                stream.onData = { buffer in
                    stream.write(buffer)
                    owed += buffer.readableBytes
                    settle()
                }
                stream.onWritable = settle
                stream.onEnd = {
                    stream.end(with: [HeaderField("grpc-status", "0"), HeaderField("x-server", self.name)])
                }
            case "/hints":
                stream.sendInterim([HeaderField(":status", "103"), HeaderField("link", "</a.css>")])
                stream.sendInterim([HeaderField(":status", "103"), HeaderField("link", "</b.css>")])
                stream.sendHeaders([ok], endStream: true)
            case "/trailers-only": stream.sendHeaders([ok, HeaderField("grpc-status", "5")], endStream: true)
            case "/reset":
                stream.sendHeaders([ok], endStream: false)
                stream.write(ByteBuffer(string: "part"))
                stream.resetInOrder(HTTP2ErrorCode(rawValue: 0x1234))
            case "/refuse": stream.reset(.refusedStream)
            case "/enough":
                // Complete before the request is.
                stream.sendHeaders([HeaderField(":status", "413")], endStream: false)
                stream.write(ByteBuffer(repeating: 0x78, count: 1_000_000))
                stream.end()
                stream.resetInOrder(.noError)
            case "/hang":
                hanging.append(stream)
                stream.onData = { [unowned stream] in
                    self.taken += $0.readableBytes
                    if self.reads { stream.consume($0.readableBytes) }
                }
                stream.onEnd = { [unowned stream] in stream.sendHeaders([ok], endStream: true) }
                stream.onClose = { self.ends.append($0) }
            case "/flood":
                hanging.append(stream)
                stream.sendHeaders([ok], endStream: false)
                stream.write(ByteBuffer(repeating: 0x78, count: 40 << 20))
                stream.end()
            case "/leave":
                stream.sendHeaders([ok], endStream: true)
                stream.link.drain()
            default: stream.sendHeaders([HeaderField(":status", "404")], endStream: true)
            }
        }
    }

    init(
        _ name: String,
        configuration: LinkConfiguration = LinkConfiguration(),
        tls: TLSContext? = nil
    ) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.name = name
        self.loop = loop
        let state = try await loop.submit { NIOLoopBound(State(name), eventLoop: loop) }.get()
        self.state = state
        var configuration = configuration
        configuration.pingsAtStart = false
        configuration.validatesMessages = false
        let limits = configuration
        listener = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                state.value.accepts += 1
                let started =
                    if let tls {
                        Link.acceptTLS(on: channel, context: tls, configuration: limits)
                    } else {
                        Link.start(on: channel, role: .server, configuration: limits)
                    }
                started.assumeIsolated().whenSuccess { link in
                    state.value.links.append(link)
                    link.onRequest = { state.value.serve($0, $1, $2) }
                }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
    }

    /// Looks at what is confined to the loop, or changes it.
    func on<Value: Sendable>(_ body: @escaping @Sendable (State) -> Value) async throws -> Value {
        try await loop.submit { [state] in body(state.value) }.get()
    }

    /// Takes no connections any more, and resets those that are there.
    func die() async throws {
        try await listener.close()
        try await on { state in for link in state.links { link.close() } }
    }

    func close() async { try? await die() }
}
