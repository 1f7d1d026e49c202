import HTTP2
import NIOCore
import NIOPosix
import TLS
import TestSupport
import Testing

/// What one request brought.
private struct Answer: Equatable {
    var fields: [HeaderField] = []
    var body = ByteBuffer()
    var trailers: [HeaderField] = []
    var reason: StreamCloseReason?
}

@Suite(.timeLimit(.minutes(1))) struct LinkTests {
    private static let echo: @Sendable (Link) -> Void = { link in
        link.onStream = { stream, fields, _ in
            stream.sendHeaders(
                [HeaderField(":status", "200"), HeaderField("x-path", fields[":path"] ?? "")],
                endStream: false
            )
            stream.onData = { buffer in
                stream.write(buffer)
                stream.consume(buffer.readableBytes)
            }
            stream.onEnd = { stream.end(trailers: [HeaderField("x-end", "yes")]) }
        }
    }

    private static let never: @Sendable (Link) -> Void = { $0.onStream = { _, _, _ in } }

    private static let request = [
        HeaderField(":method", "POST"), HeaderField(":scheme", "https"), HeaderField(":authority", "a"),
        HeaderField(":path", "/p"),
    ]

    /// Sends one request and waits for its end.
    private func ask(_ link: Link, _ body: ByteBuffer) async throws -> Answer {
        try await link.eventLoop.flatSubmit {
            let done = link.eventLoop.makePromise(of: Answer.self)
            do throws(HTTP2Error) {
                let stream = try link.open(Self.request, endStream: false)
                var answer = Answer()
                stream.onHeaders = { fields, _ in
                    if answer.fields.isEmpty { answer.fields = fields } else { answer.trailers = fields }
                }
                stream.onData = { buffer in
                    answer.body.writeImmutableBuffer(buffer)
                    stream.consume(buffer.readableBytes)
                }
                stream.onClose = { reason in
                    answer.reason = reason
                    done.succeed(answer)
                }
                stream.write(body)
                stream.end()
            } catch {
                done.fail(error)
            }
            return done.futureResult
        }.get()
    }

    private func check(_ answer: Answer, _ body: ByteBuffer) {
        #expect(answer.fields == [HeaderField(":status", "200"), HeaderField("x-path", "/p")])
        #expect(answer.body == body)
        #expect(answer.trailers == [HeaderField("x-end", "yes")])
        #expect(answer.reason == .finished)
    }

    @Test("requests pass without TLS, one and many at once, small and large")
    func plain() async throws {
        let pair = try await LinkPair.connect(listener: LinkConfiguration(onStart: Self.echo))
        self.check(try await self.ask(pair.dialler, ByteBuffer(string: "x")), ByteBuffer(string: "x"))
        let large = ByteBuffer(bytes: (0..<10_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 9) })
        self.check(try await self.ask(pair.dialler, large), large)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask {
                    let body = ByteBuffer(repeating: UInt8(index), count: 1000 * index + 1)
                    self.check(try await self.ask(pair.dialler, body), body)
                }
            }
            try await group.waitForAll()
        }
        await pair.close()
    }

    @Test("by ALPN h2 the dialler asks, by h2-reverse the listener does")
    func roles() async throws {
        let both = [Link.forward, Link.reverse]
        var asks = LinkConfiguration()
        asks.onStart = { link in if link.role == .server { Self.echo(link) } }
        for alpn in both {
            let tls = try TestTLS(client: [alpn], server: both)
            let pair = try await LinkPair.connect(tls: (tls.client, tls.server), dialler: asks, listener: asks)
            let (client, server) = alpn == Link.forward ? (pair.dialler, pair.listener) : (pair.listener, pair.dialler)
            let body = ByteBuffer(repeating: 3, count: 1_000_000)
            self.check(try await self.ask(client, body), body)
            try await client.eventLoop.submit {
                #expect(client.role == .client)
                #expect(client.alpn == alpn)
                #expect(pair.dialler.peerCertificate?.commonName == "server")
            }.get()
            await #expect(throws: HTTP2Error.notClient) { try await self.ask(server, body) }
            await pair.close()
        }
    }

    @Test("links without a protocol in common are refused")
    func noCommonProtocol() async throws {
        let tls = try TestTLS(client: ["h2"], server: ["h2-reverse"])
        await #expect(throws: TLSError.noCommonApplicationProtocol(offered: ["h2"])) {
            try await LinkPair.connect(tls: (tls.client, tls.server))
        }
        let none = try TestTLS(client: [], server: ["h2"])
        await #expect(throws: HTTP2Error.otherProtocol(alpn: nil)) {
            try await LinkPair.connect(tls: (none.client, none.server))
        }
    }

    @Test("a ping measures the round trip")
    func ping() async throws {
        let pair = try await LinkPair.connect()
        let link = pair.dialler
        let time = try await link.eventLoop.flatSubmit {
            let done = link.eventLoop.makePromise(of: TimeAmount?.self)
            link.ping { done.succeed($0) }
            return done.futureResult
        }.get()
        #expect(try #require(time) < .seconds(10))
        #expect(
            try await link.eventLoop.submit { link.roundTrip != nil && link.bytesIn > 0 && link.bytesOut > 0 }.get()
        )
        await pair.close()
    }

    @Test("a peer that does not answer is declared dead, and its streams are told")
    func keepalive() async throws {
        // Accepts and says nothing.
        let group = MultiThreadedEventLoopGroup.singleton
        let mute = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
        var quick = LinkConfiguration()
        quick.keepaliveIdle = .milliseconds(30)
        quick.keepaliveTimeout = .milliseconds(30)
        let link = try await ClientBootstrap(group: group).connect(to: try #require(mute.localAddress))
            .flatMap { [quick] in Link.start(on: $0, role: .client, configuration: quick) }.get()
        let (reason, probe) = try await link.eventLoop.flatSubmit {
            let closed = link.eventLoop.makePromise(of: LinkCloseReason.self)
            let pinged = link.eventLoop.makePromise(of: TimeAmount?.self)
            link.onClose = { closed.succeed($0) }
            link.ping(timeout: .milliseconds(10)) { pinged.succeed($0) }
            return closed.futureResult.and(pinged.futureResult)
        }.get()
        #expect(reason == .unresponsive)
        #expect(probe == nil)
        await #expect(throws: HTTP2Error.closed(.unresponsive)) { try await self.ask(link, ByteBuffer()) }
        // Who asks too late hears of it all the same.
        let late = try await link.eventLoop.flatSubmit {
            let told = link.eventLoop.makePromise(of: LinkCloseReason.self)
            link.onClose = { told.succeed($0) }
            return told.futureResult
        }.get()
        #expect(late == .unresponsive)
        try await mute.close()
    }

    @Test("draining lets open streams finish, refuses new ones, then closes", arguments: [true, false])
    func drain(byServer: Bool) async throws {
        let holder = Holder()
        let pair = try await LinkPair.connect(
            listener: LinkConfiguration { link in
                link.onStream = { stream, _, _ in
                    stream.sendHeaders([HeaderField(":status", "200")], endStream: false)
                    holder.stream = stream
                }
            }
        )
        let (client, server) = (pair.dialler, pair.listener)
        let headed = client.eventLoop.makePromise(of: Void.self)
        let closed = client.eventLoop.makePromise(of: LinkCloseReason.self)
        let away = client.eventLoop.makePromise(of: Void.self)
        let answer = client.eventLoop.makePromise(of: StreamCloseReason.self)
        try await client.eventLoop.submit {
            client.onClose = { closed.succeed($0) }
            client.onGoAway = { away.succeed() }
            let stream = try client.open(Self.request, endStream: true)
            stream.onHeaders = { _, _ in headed.succeed() }
            stream.onClose = { answer.succeed($0) }
        }.get()
        try await headed.futureResult.get()
        if byServer {
            try await server.eventLoop.submit { server.drain() }.get()
            try await away.futureResult.get()
        } else {
            try await client.eventLoop.submit { client.drain() }.get()
            away.succeed()
        }
        await #expect(throws: HTTP2Error.goingAway) { try await self.ask(client, ByteBuffer()) }
        try await server.eventLoop.submit { holder.stream?.end() }.get()
        #expect(try await answer.futureResult.get() == .finished)
        #expect(try await closed.futureResult.get() == .drained)
        await pair.close()
    }

    @Test("garbage loses only the link it came on")
    func garbage() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let reasons = group.next().makePromise(of: LinkCloseReason.self)
        let socket = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                _ = Link.start(
                    on: channel,
                    role: .server,
                    configuration: LinkConfiguration { link in
                        Self.echo(link)
                        link.onClose = { if case .protocolViolation = $0 { reasons.succeed($0) } }
                    }
                )
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let address = try #require(socket.localAddress)
        let good = try await ClientBootstrap(group: group).connect(to: address)
            .flatMap { Link.start(on: $0, role: .client) }.get()
        let bad = try await ClientBootstrap(group: group).connect(to: address).get()
        try await bad.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\nhost: a\r\n\r\n"))
        _ = try await reasons.futureResult.get()
        try await bad.closeFuture.get()
        self.check(try await self.ask(good, ByteBuffer(string: "y")), ByteBuffer(string: "y"))
        try await good.eventLoop.submit { good.close() }.get()
        try await socket.close()
    }

    @Test("a lost link ends its streams with the reason, and a request on it fails")
    func lost() async throws {
        let pair = try await LinkPair.connect(
            listener: LinkConfiguration { link in
                link.onStream = { stream, _, _ in
                    let channel = stream.link.channel
                    channel.eventLoop.execute { channel.close(promise: nil) }
                }
            }
        )
        let answer = try await self.ask(pair.dialler, ByteBuffer(string: "x"))
        // Bytes that the listener had not read turn its close into a reset.
        guard case .linkLost = answer.reason else {
            Issue.record("the stream was not told")
            return
        }
        await pair.close()
    }

    @Test("a server that takes no streams refuses them")
    func refused() async throws {
        let pair = try await LinkPair.connect()
        #expect(try await self.ask(pair.dialler, ByteBuffer()).reason == .reset(.refusedStream))
        await pair.close()
    }

    @Test("more requests than the peer takes at once wait their turn")
    func streamLimit() async throws {
        var few = LinkConfiguration(onStart: Self.echo)
        few.maximumStreams = 3
        let pair = try await LinkPair.connect(listener: few)
        // Before its settings are known the limit cannot be kept.
        let link = pair.dialler
        try await link.eventLoop.flatSubmit {
            let settled = link.eventLoop.makePromise(of: Void.self)
            link.whenSettled { settled.succeed() }
            return settled.futureResult
        }.get()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<50 {
                group.addTask {
                    self.check(try await self.ask(pair.dialler, ByteBuffer(string: "z")), ByteBuffer(string: "z"))
                }
            }
            try await group.waitForAll()
        }
        await pair.close()
    }

    @Test("a reader that does not consume stops the writer, and consuming lets it go on")
    func backPressure() async throws {
        let holder = Holder()
        let pair = try await LinkPair.connect(
            listener: LinkConfiguration { link in
                link.onStream = { stream, _, _ in
                    holder.stream = stream
                    stream.onData = { holder.bytes += $0.readableBytes }
                }
            }
        )
        let link = pair.dialler
        let stuck = link.eventLoop.makePromise(of: Void.self)
        let resumed = link.eventLoop.makePromise(of: Void.self)
        let stream = try await link.eventLoop.submit {
            let stream = try link.open(Self.request, endStream: false)
            let chunk = ByteBuffer(repeating: 1, count: 64 << 10)
            var full = false
            let fill = { while stream.isWritable { stream.write(chunk) } }
            stream.onWritable = {
                if full { resumed.succeed() }
                fill()
            }
            fill()
            link.ping { _ in
                full = true
                stuck.succeed()
            }
            return stream
        }.get()
        try await stuck.futureResult.get()
        let window = LinkConfiguration().streamWindow
        // The ping may be answered before the last bytes; wait until the window is full.
        while try await pair.listener.eventLoop.submit({ holder.bytes }).get() < window { await Task.yield() }
        let queued = try await link.eventLoop.submit { stream.queuedBytes }.get()
        #expect(queued < LinkConfiguration().streamHighWater + (64 << 10))
        try await pair.listener.eventLoop.submit { holder.stream?.consume(window) }.get()
        try await resumed.futureResult.get()
        await pair.close()
    }
}

/// Carries what a callback on the listener's loop has; touched on that loop alone.
private final class Holder: @unchecked Sendable {
    var stream: HTTP2Stream?
    var bytes = 0
}
