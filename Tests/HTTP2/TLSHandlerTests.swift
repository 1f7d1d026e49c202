import HTTP2
import NIOCore
import NIOEmbedded
import TLS
import Testing

@Suite struct TLSHandlerTests {
    let authority: CertificateAuthority
    let client: TLSContext
    let server: TLSContext

    init() throws {
        self.authority = try CertificateAuthority(commonName: "test authority")
        let identity = try self.authority.issue(commonName: "server", dnsNames: ["server.test"])
        self.client = try .client(
            trust: .authorities(pem: self.authority.certificatePEM),
            identity: nil,
            alpn: ["h2"]
        )
        self.server = try .server(identity: identity, clientTrust: nil, requireClientCertificate: false, alpn: ["h2"])
    }

    /// Two channels, each with `layers` TLS handlers on top of each other.
    private func pair(layers: Int, name: String = "server.test") throws -> (EmbeddedChannel, EmbeddedChannel) {
        let client = EmbeddedChannel()
        let server = EmbeddedChannel()
        for _ in 0..<layers {
            try client.pipeline.syncOperations.addHandler(
                TLSHandler(context: self.client, role: .client(serverName: name))
            )
            try server.pipeline.syncOperations.addHandler(TLSHandler(context: self.server, role: .server))
        }
        for channel in [client, server] {
            try channel.pipeline.syncOperations.addHandler(EventRecorder())
            channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        }
        return (client, server)
    }

    /// Carries bytes both ways until nobody has anything to say.
    private func exchange(_ client: EmbeddedChannel, _ server: EmbeddedChannel) throws {
        while true {
            let up = try client.readOutbound(as: ByteBuffer.self)
            let down = try server.readOutbound(as: ByteBuffer.self)
            if let up { _ = try? server.writeInbound(up) }
            if let down { _ = try? client.writeInbound(down) }
            if up == nil, down == nil { return }
        }
    }

    private func recorder(_ channel: EmbeddedChannel) throws -> EventRecorder {
        try channel.pipeline.syncOperations.handler(type: EventRecorder.self)
    }

    @Test("plaintext passes through one and through two layers, early writes included", arguments: [1, 2])
    func layers(layers: Int) throws {
        let (client, server) = try self.pair(layers: layers)
        let early = client.writeAndFlush(ByteBuffer(string: "early"))
        try self.exchange(client, server)
        try early.wait()
        #expect(try self.recorder(client).completed.map(\.alpn) == ["h2"])
        #expect(try self.recorder(client).completed.first?.peer?.commonName == "server")
        #expect(try self.recorder(server).completed.map(\.alpn) == ["h2"])
        #expect(try server.readInbound(as: ByteBuffer.self) == ByteBuffer(string: "early"))

        let large = ByteBuffer(bytes: (0..<600_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        var sent = ByteBuffer()
        for size in [9, 65_536, 9, 16_384, 16_375, 1, 300_000] {
            var part = large
            part.moveWriterIndex(to: size)
            sent.writeImmutableBuffer(part)
            client.write(part, promise: nil)
        }
        client.flush()
        try self.exchange(client, server)
        var got = ByteBuffer()
        while var part = try server.readInbound(as: ByteBuffer.self) { got.writeBuffer(&part) }
        #expect(got == sent)
        _ = try? client.finish()
        _ = try? server.finish()
    }

    @Test("a wrong name is caught, the peer is told, and the channel closes")
    func wrongName() throws {
        let (client, server) = try self.pair(layers: 1, name: "other.test")
        let (seen, told) = (try self.recorder(client), try self.recorder(server))
        let early = client.writeAndFlush(ByteBuffer(string: "early"))
        try self.exchange(client, server)
        let expected = TLSError.nameMismatch(expected: "other.test", presented: ["server.test"])
        #expect(seen.errors == [expected])
        #expect(throws: expected) { try early.wait() }
        #expect(!client.isActive)
        guard case .refusedByPeer = told.errors.first else {
            Issue.record("the server was not told")
            return
        }
        #expect(!server.isActive)
    }

    @Test("the closing alert half-closes; the other direction goes on")
    func halfClose() throws {
        let (client, server) = try self.pair(layers: 1)
        try self.exchange(client, server)
        client.close(mode: .output, promise: nil)
        try self.exchange(client, server)
        #expect(try self.recorder(server).inputClosed == 1)
        #expect(server.isActive)
        try server.writeAndFlush(ByteBuffer(string: "still here")).wait()
        #expect(try server.readOutbound(as: ByteBuffer.self) != nil)
        _ = try? server.finish()
    }

    @Test("a handshake that does not come is given up")
    func deadline() throws {
        let (_, server) = try self.pair(layers: 1)
        let recorder = try self.recorder(server)
        server.embeddedEventLoop.advanceTime(by: .seconds(11))
        #expect(recorder.errors == [.handshakeTimedOut])
        #expect(!server.isActive)
    }

    @Test("a cut without closing alert is told")
    func truncated() throws {
        let (client, server) = try self.pair(layers: 1)
        try self.exchange(client, server)
        server.pipeline.fireChannelInactive()
        #expect(try self.recorder(server).errors == [.truncated])
        let (early, _) = try self.pair(layers: 1)
        early.pipeline.fireChannelInactive()
        #expect(try self.recorder(early).errors == [.closedDuringHandshake])
    }

    @Test("garbage in place of a handshake closes the channel")
    func garbage() throws {
        let (_, server) = try self.pair(layers: 1)
        let recorder = try self.recorder(server)
        _ = try? server.writeInbound(ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"))
        #expect(recorder.errors.count == 1)
        #expect(!server.isActive)
    }
}

/// Notes what passes the end of a pipeline.
final class EventRecorder: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    var completed: [TLSHandshakeCompleted] = []
    var errors: [TLSError] = []
    var inputClosed = 0

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSHandshakeCompleted { self.completed.append(event) }
        if case ChannelEvent.inputClosed = event { self.inputClosed += 1 }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? TLSError { self.errors.append(error) }
    }
}
