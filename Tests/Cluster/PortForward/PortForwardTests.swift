import Cluster
import HTTP2
import NIOCore
import NIOPosix
import NIOWebSocket
import Synchronization
import TLS
import TestSupport
import Testing

/// The pod's side of a port-forward in the server: echoes, or fails as asked.
///
/// Frames are those of an independent codec.
private final class PodSide: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    enum Behaviour: Sendable {
        case echo
        case refuse(String)
        case ping
        /// Both data prefix and payload cut into fragments of one message.
        case fragments
    }

    private let behaviour: Behaviour
    private let pongs: Counter

    init(_ behaviour: Behaviour, _ pongs: Counter) {
        self.behaviour = behaviour
        self.pongs = pongs
    }

    func handlerAdded(context: ChannelHandlerContext) {
        send([0, 0x90, 0x1F], context)
        send([1, 0x90, 0x1F], context)
        switch behaviour {
        case .refuse(let text): send([1] + Array(text.utf8), context)
        case .ping:
            context.writeAndFlush(
                wrapOutboundOut(WebSocketFrame(fin: true, opcode: .ping, data: ByteBuffer(string: "hi"))),
                promise: nil
            )
        case .echo, .fragments: break
        }
    }

    private func send(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        let frame = WebSocketFrame(fin: true, opcode: .binary, data: ByteBuffer(bytes: bytes))
        context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .binary:
            let payload = frame.unmaskedData
            guard case .fragments = behaviour else {
                context.writeAndFlush(
                    wrapOutboundOut(WebSocketFrame(fin: true, opcode: .binary, data: payload)),
                    promise: nil
                )
                return
            }
            for index in 0..<payload.readableBytes {
                guard let byte = payload.getSlice(at: payload.readerIndex + index, length: 1) else { continue }
                let frame = WebSocketFrame(
                    fin: index == payload.readableBytes - 1,
                    opcode: index == 0 ? .binary : .continuation,
                    data: byte
                )
                context.write(wrapOutboundOut(frame), promise: nil)
            }
            context.flush()
        case .pong: pongs.increment()
        case .connectionClose: context.close(promise: nil)
        default: break
        }
    }
}

/// Collects what a channel brings.
private final class Collector: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    enum Event: Sendable {
        case bytes(ByteBuffer)
        case error(any Error)
        case closed
    }

    let events: AsyncStream<Event>
    private let continuation: AsyncStream<Event>.Continuation

    init() {
        (events, continuation) = AsyncStream.makeStream(of: Event.self)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        continuation.yield(.bytes(unwrapInboundIn(data)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        continuation.yield(.error(error))
    }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.yield(.closed)
        continuation.finish()
    }
}

@Suite struct PortForwardTests {
    private func start(_ behaviour: PodSide.Behaviour, pongs: Counter = Counter()) async throws -> TestAPIServer {
        try await TestAPIServer.start(
            forward: { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(PodSide(behaviour, pongs))
                }
            },
            { _ in .json(404, .null) }
        )
    }

    private func open(_ server: TestAPIServer, _ collector: Collector) async throws -> any Channel {
        let access = try server.access()
        return try await within {
            try await PortForward.open(
                access: access,
                namespace: "ambassador",
                pod: "traffic-manager-1",
                port: 8081,
                on: MultiThreadedEventLoopGroup.singleton.next()
            ) { channel in
                try channel.pipeline.syncOperations.addHandler(collector)
            }
        }
    }

    @Test("bytes come back as they went, in any sizes", arguments: [PodSide.Behaviour.echo, .fragments])
    private func echo(behaviour: PodSide.Behaviour) async throws {
        let server = try await start(behaviour)
        let collector = Collector()
        let channel = try await open(server, collector)
        let large = if case .echo = behaviour { 3_000_000 } else { 3_000 }
        var sent: [UInt8] = []
        for size in [1, 7, 8, 125, 126, 1000, large] {
            let bytes = (0..<size).map { _ in UInt8.random(in: 0...255) }
            sent += bytes
            channel.write(ByteBuffer(bytes: bytes.prefix(size / 2)), promise: nil)
            channel.writeAndFlush(ByteBuffer(bytes: bytes.dropFirst(size / 2)), promise: nil)
        }
        let expected = sent
        let received = try await within {
            var received: [UInt8] = []
            for await event in collector.events {
                if case .bytes(let buffer) = event { received += buffer.readableBytesView }
                if received.count >= expected.count { break }
            }
            return received
        }
        // As one truth value: a failed comparison of millions of elements would be printed.
        let same = received == expected
        #expect(same)
        try await channel.close()
        await server.stop()
    }

    @Test("what the pod's side reports is an error and closes the channel") func podRefuses() async throws {
        let server = try await start(.refuse("dial tcp4 127.0.0.1:8081: connect: connection refused"))
        let collector = Collector()
        _ = try await open(server, collector)
        let words = try await within {
            var words: [String] = []
            for await event in collector.events {
                if case .error(let error) = event { words.append("\(error)") }
            }
            return words
        }
        #expect(words.first?.contains("connection refused") == true)
        await server.stop()
    }

    @Test("pings are answered") func pings() async throws {
        let pongs = Counter()
        let server = try await start(.ping, pongs: pongs)
        let channel = try await open(server, Collector())
        try await within { while pongs.value == 0 { await Task.yield() } }
        try await channel.close()
        await server.stop()
    }

    @Test("a refused upgrade says what the server says") func refused() async throws {
        let server = try await TestAPIServer.start(
            refuseUpgrade: (
                403,
                [
                    "kind": "Status", "code": 403, "reason": "Forbidden",
                    "message": "User \"dev\" cannot create resource \"pods/portforward\"",
                ]
            ),
            { _ in .silence }
        )
        let access = try server.access()
        await #expect {
            try await within {
                try await PortForward.open(
                    access: access,
                    namespace: "d",
                    pod: "p",
                    port: 1,
                    on: MultiThreadedEventLoopGroup.singleton.next()
                )
            }
        } throws: { error in
            (error as? APIError)?.kind == .forbidden && "\(error)".contains("pods/portforward")
        }
        await server.stop()
    }

    @Test("a link with its own TLS runs on a forwarded port") func link() async throws {
        let authority = try CertificateAuthority(commonName: "manager CA")
        let identity = try authority.issue(commonName: "manager", dnsNames: ["traffic-manager.ambassador.svc"])
        let serverTLS = try TLSContext.server(
            identity: identity,
            clientTrust: nil,
            requireClientCertificate: false,
            alpn: ["h2"]
        )
        let server = try await start(.echo)
        // The echoing pod cannot speak TLS: the handshake must fail cleanly, not hang.
        let clientTLS = try TLSContext.client(
            trust: .authorities(pem: authority.certificatePEM),
            identity: nil,
            alpn: ["h2"]
        )
        _ = serverTLS
        let access = try server.access()
        await #expect(throws: (any Error).self) {
            try await within {
                let channel = try await PortForward.open(
                    access: access,
                    namespace: "ambassador",
                    pod: "traffic-manager-1",
                    port: 8081,
                    on: MultiThreadedEventLoopGroup.singleton.next()
                )
                _ = try await Link.startTLS(
                    on: channel,
                    context: clientTLS,
                    dialler: "traffic-manager.ambassador.svc"
                ).get()
            }
        }
        await server.stop()
    }
}
