import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import HTTP2
@testable import Host

/// HTTP/2 between real sockets with nghttp2 at both ends: who answers, and that nothing is lost or changed.
@Suite(.timeLimit(.minutes(2))) struct HTTP2GateTests {
    private static let mine = [HeaderField("x-user", "me")]
    private static let yours = [HeaderField("x-user", "you")]

    /// An app, a workstation, and gates before them with a filter.
    private struct Scene {
        let app: HTTP2TestServer
        let local: HTTP2TestServer
        let gates: GateScene

        func client(_ configuration: LinkConfiguration = LinkConfiguration()) async throws -> HTTP2TestClient {
            try await HTTP2TestClient(gates.port, configuration: configuration)
        }

        func close(_ clients: HTTP2TestClient...) async {
            for client in clients { await client.close() }
            await gates.close()
            await app.close()
            await local.close()
        }
    }

    private static func scene(
        app configuration: LinkConfiguration = LinkConfiguration(),
        filtered: Bool = true
    ) async throws -> Scene {
        let app = try await HTTP2TestServer("app", configuration: configuration)
        let local = try await HTTP2TestServer("local")
        let gates = try await GateScene(appPort: app.port, workstationPort: local.port, sniffTime: .seconds(60))
        if filtered { try await gates.set { $0.header = ("x-user", "me") } }
        return Scene(app: app, local: local, gates: gates)
    }

    /// A server that speaks HTTP/1.1 alone.
    private final class Refuser: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let answer = ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n")
            context.writeAndFlush(Self.wrapOutboundOut(answer), promise: nil)
            context.close(promise: nil)
        }
    }

    /// Waits for something that has to come.
    private static func wait(_ what: String, until condition: () async throws -> Bool) async throws {
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(60)
        while try await !condition() {
            guard clock.now < deadline else {
                Issue.record("did not come: \(what)")
                return
            }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    @Test("streams of one connection go to whom their head says, over one upstream each")
    func routing() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        for _ in 0..<5 {
            #expect(try await client.ask("/who", Self.mine).text == "local")
            #expect(try await client.ask("/who", Self.yours).text == "app")
        }
        var answers: [HTTP2TestClient.Exchange] = []
        for number in 0..<200 {
            let fields = number.isMultiple(of: 3) ? Self.mine : Self.yours
            answers.append(try await client.start(HTTP2TestClient.head("/who", fields)))
        }
        for (number, answer) in answers.enumerated() {
            #expect(try await answer.get().text == (number.isMultiple(of: 3) ? "local" : "app"))
        }
        #expect(try await scene.app.on { $0.accepts } == 1)
        #expect(try await scene.local.on { $0.accepts } == 1)
        await scene.close(client)
    }

    @Test("a change of attachments holds for the next stream of the same connection")
    func changes() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        #expect(try await client.ask("/who", Self.yours).text == "app")
        try await scene.gates.set { $0.header = ("x-user", "you") }
        #expect(try await client.ask("/who", Self.yours).text == "local")
        #expect(try await client.ask("/who", Self.mine).text == "app")
        let open = try await client.start(HTTP2TestClient.head("/echo", Self.yours), endStream: false)
        try await Self.wait("its head") { try await scene.local.on { $0.links.last?.streamCount == 1 } }
        try await scene.gates.set { $0.header = nil }
        #expect(try await client.ask("/who", Self.yours).text == "app")
        // What was open goes on where it was; and when that is over, so is the workstation's connection.
        #expect(try await scene.local.on { $0.links.last?.streamCount } == 1)
        await client.close()
        #expect(try await open.get().end == .linkLost(.closedHere))
        try await Self.wait("the end") { try await scene.local.on { $0.links.allSatisfy { $0.closeReason != nil } } }
        await scene.close()
    }

    @Test("a connection from before the filter is told to come again, and a new one is routed")
    func openBefore() async throws {
        let scene = try await Self.scene(filtered: false)
        let client = try await scene.client()
        #expect(try await client.ask("/who", Self.mine).text == "app")
        try await scene.gates.set { $0.header = ("x-user", "me") }
        try await Self.wait("GOAWAY") { try await client.on { !$0.isOpen } }
        let next = try await scene.client()
        #expect(try await next.ask("/who", Self.mine).text == "local")
        await scene.close(client, next)
    }

    @Test("fields arrive byte for byte, in order, both ways", arguments: [true, false])
    func fields(toWorkstation: Bool) async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        var head = HTTP2TestClient.head("/mirror", toWorkstation ? Self.mine : Self.yours)
        let odd: [(String, [UInt8])] = [
            ("x-latin", [0x63, 0xE9, 0xFF, 0x80]), ("x-twice", [0x31]), ("x-empty", []), ("x-twice", [0x32]),
            ("x-blank", [0x20, 0x61, 0x20]), ("te", Array("trailers".utf8)), ("cookie", Array("a=1".utf8)),
            ("cookie", Array("b=2".utf8)), ("grpc-timeout", Array("1S".utf8)),
        ]
        for (name, value) in odd {
            Array(name.utf8).withUnsafeBufferPointer { name in
                value.withUnsafeBufferPointer { head.append(name: name, value: $0, neverIndexed: false) }
            }
        }
        let trailers: HeaderBlock = [HeaderField("x-sum", "abc"), HeaderField("x-sum", "def")]
        let start = head
        let answer = try await client.start(start, endStream: false) { $0.end(with: trailers) }.get()
        // As the mirror shows them.
        var expected: HeaderBlock = [
            HeaderField(":status", "200"), HeaderField("x-method", "POST"), HeaderField("x-scheme", "http"),
            HeaderField("x-authority", "app:80"), HeaderField("x-path", "/mirror"),
            toWorkstation ? Self.mine[0] : Self.yours[0],
        ]
        for (name, value) in odd {
            Array(name.utf8).withUnsafeBufferPointer { name in
                value.withUnsafeBufferPointer { expected.append(name: name, value: $0, neverIndexed: false) }
            }
        }
        #expect(answer.head.bytes == expected.bytes)
        #expect(answer.head.entries.map(\.valueLength) == expected.entries.map(\.valueLength))
        #expect(answer.trailers == trailers)
        await scene.close(client)
    }

    @Test("a field that may not be indexed stays so")
    func neverIndexed() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        var head = HTTP2TestClient.head("/hang", Self.yours)
        let (name, value) = (Array("x-secret".utf8), Array("a value that is long enough to be indexed".utf8))
        name.withUnsafeBufferPointer { name in
            value.withUnsafeBufferPointer { head.append(name: name, value: $0, neverIndexed: true) }
        }
        _ = try await client.start(head)
        try await Self.wait("the request") { try await scene.app.on { $0.heads.count == 1 } }
        let entries = try await scene.app.on { $0.heads[0].entries }
        #expect(entries.map(\.neverIndexed) == [false, false, false, false, false, true])
        await scene.close(client)
    }

    @Test("interim responses, trailers and a head that is all arrive as such")
    func shapes() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        for fields in [Self.mine, Self.yours] {
            let hints = try await client.ask("/hints", fields)
            #expect(hints.interim.map { $0.fields["link"] } == ["</a.css>", "</b.css>"])
            #expect(hints.status == "200" && hints.headEnds && hints.end == .finished)
            let bare = try await client.ask("/trailers-only", fields)
            #expect(bare.head.fields["grpc-status"] == "5" && bare.headEnds && bare.end == .finished)
            let echo = try await client.ask("/echo", fields, body: ByteBuffer(string: "body"))
            #expect(!echo.headEnds && echo.text == "body" && echo.trailers.fields["grpc-status"] == "0")
        }
        await scene.close(client)
    }

    @Test("large bodies pass both ways at once, on several streams")
    func large() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        let body = ByteBuffer(bytes: (0..<6_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) })
        var answers: [HTTP2TestClient.Exchange] = []
        for fields in [Self.mine, Self.yours, Self.mine, Self.yours] {
            answers.append(
                try await client.start(HTTP2TestClient.head("/echo", fields), endStream: false) { stream in
                    stream.write(body)
                    stream.end()
                }
            )
        }
        for (number, answer) in answers.enumerated() {
            let answer = try await answer.get()
            #expect(answer.body == body && answer.end == .finished)
            #expect(answer.trailers.fields["x-server"] == (number.isMultiple(of: 2) ? "local" : "app"))
        }
        await scene.close(client)
    }

    @Test("a server that does not read stops the client, and holds up no other stream")
    func slowServer() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        let size = 40 << 20
        let upload = try await client.start(HTTP2TestClient.head("/hang", Self.mine), endStream: false) {
            $0.write(ByteBuffer(repeating: 0x78, count: size))
            $0.end()
        }
        let window = LinkConfiguration().streamWindow
        try await Self.wait("a window") { try await scene.local.on { $0.taken == window } }
        for _ in 0..<5 {
            #expect(try await client.ask("/who", Self.mine).text == "local")
            #expect(try await client.ask("/who", Self.yours).text == "app")
        }
        #expect(try await upload.on { $0.queuedBytes } > 30 << 20)
        try await scene.local.on { state in
            state.reads = true
            state.hanging[0].consume(state.taken)
        }
        #expect(try await upload.get().status == "200")
        #expect(try await scene.local.on { $0.taken } == size)
        await scene.close(client)
    }

    @Test("a client that does not read stops the server, and holds up no other stream")
    func slowClient() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        let download = try await client.start(HTTP2TestClient.head("/flood", Self.yours), reading: false)
        let window = LinkConfiguration().streamWindow
        try await Self.wait("a window") { try await download.on { $0.unconsumedBytes } == window }
        for _ in 0..<5 {
            #expect(try await client.ask("/who", Self.mine).text == "local")
            #expect(try await client.ask("/who", Self.yours).text == "app")
        }
        #expect(try await scene.app.on { $0.hanging[0].queuedBytes } > 30 << 20)
        try await download.on { stream in
            let before = stream.onData
            stream.onData = { [unowned stream] in
                before?($0)
                stream.consume($0.readableBytes)
            }
            stream.consume(window)
        }
        let answer = try await download.get()
        #expect(answer.body.readableBytes == 40 << 20 && answer.end == .finished)
        await scene.close(client)
    }

    @Test("resets pass with their codes, behind what was sent before")
    func resets() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        for (fields, server) in [(Self.mine, scene.local), (Self.yours, scene.app)] {
            let part = try await client.ask("/reset", fields)
            #expect(part.text == "part" && part.end == .reset(HTTP2ErrorCode(rawValue: 0x1234)))
            #expect(try await client.ask("/refuse", fields).end == .reset(.refusedStream))
            let code = HTTP2ErrorCode(rawValue: 0x77)
            let mine = try await client.start(HTTP2TestClient.head("/hang", fields), endStream: false) {
                $0.write(ByteBuffer(string: "four"))
                $0.resetInOrder(code)
            }
            #expect(try await mine.get().end == .reset(code))
            try await Self.wait("the reset") { try await server.on { $0.ends == [.reset(code)] && $0.taken == 4 } }
        }
        #expect(try await client.ask("/who", Self.mine).text == "local")
        await scene.close(client)
    }

    @Test("a server that has answered and wants no more of the request is not cut short")
    func enough() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        for fields in [Self.mine, Self.yours] {
            let answer = try await client.start(HTTP2TestClient.head("/enough", fields), endStream: false) {
                $0.write(ByteBuffer(repeating: 0x78, count: 10_000))
            }.get()
            #expect(answer.status == "413" && answer.body.readableBytes == 1_000_000)
            #expect(answer.end == .reset(.noError))
        }
        await scene.close(client)
    }

    @Test("an app that says GOAWAY ends what it has, and gets new streams on another connection")
    func goAway() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        let echo = try await client.start(HTTP2TestClient.head("/echo", Self.yours), endStream: false)
        #expect(try await client.ask("/leave", Self.yours).status == "200")
        // Whatever came before the GOAWAY goes on.
        try await Self.wait("another connection") {
            #expect(try await client.ask("/who", Self.yours).text == "app")
            return try await scene.app.on { $0.accepts } == 2
        }
        try await echo.on { stream in
            stream.write(ByteBuffer(string: "still here"))
            stream.end()
        }
        #expect(try await echo.get().text == "still here")
        #expect(try await client.ask("/who", Self.mine).text == "local")
        await scene.close(client)
    }

    @Test("a stream whose workstation does not answer goes to the app with its body; others do not wait")
    func failOpen() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        try await scene.gates.set { $0.answers = .never }
        let waiting = try await client.start(HTTP2TestClient.head("/echo", Self.mine), endStream: false) { stream in
            stream.write(ByteBuffer(string: "body"))
            stream.end()
        }
        for _ in 0..<5 { #expect(try await client.ask("/who", Self.yours).text == "app") }
        #expect(try await scene.gates.workstationDials() == 1)
        try await scene.gates.set { $0.giveUp() }
        let answer = try await waiting.get()
        #expect(answer.text == "body" && answer.head.fields["x-server"] == "app")
        try await scene.gates.set { $0.answers = .fails }
        #expect(try await client.ask("/who", Self.mine).text == "app")
        try await scene.gates.set { $0.answers = .takes }
        #expect(try await client.ask("/who", Self.mine).text == "local")
        await scene.close(client)
    }

    @Test("a workstation that is lost takes its streams along, and no others")
    func lost() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        let mine = try await client.start(HTTP2TestClient.head("/hang", Self.mine), endStream: false)
        let yours = try await client.start(HTTP2TestClient.head("/echo", Self.yours), endStream: false)
        try await Self.wait("both") {
            let there = try await scene.local.on { $0.hanging.count }
            return try await scene.app.on { $0.heads.count } + there == 2
        }
        await scene.local.close()
        #expect(try await mine.get().end == .reset(.internalError))
        try await yours.on { $0.end() }
        #expect(try await yours.get().end == .finished)
        // Nobody listens there any more.
        #expect(try await client.ask("/who", Self.mine).text == "app")
        await scene.close(client)
    }

    @Test("where all streams were with who is lost, the client's connection ends too")
    func lostAlone() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        let mine = try await client.start(HTTP2TestClient.head("/hang", Self.yours), endStream: false)
        try await Self.wait("the request") { try await scene.app.on { $0.hanging.count == 1 } }
        await scene.app.close()
        guard case .linkLost = try await mine.get().end else {
            Issue.record("the connection is still there")
            return
        }
        await scene.close(client)
    }

    @Test("a client that is gone is gone for those who serve it", .timeLimit(.minutes(1)))
    func clientGone() async throws {
        let scene = try await Self.scene()
        let client = try await scene.client()
        _ = try await client.start(HTTP2TestClient.head("/hang", Self.mine), endStream: false)
        _ = try await client.start(HTTP2TestClient.head("/hang", Self.yours), endStream: false)
        for server in [scene.app, scene.local] {
            try await Self.wait("the request") { try await server.on { $0.hanging.count == 1 } }
        }
        await client.close()
        for server in [scene.app, scene.local] {
            try await Self.wait("the end") { try await server.on { $0.ends == [.reset(.cancel)] } }
            try await Self.wait("the end") { try await server.on { $0.links.allSatisfy { $0.closeReason != nil } } }
        }
        await scene.close()
    }

    @Test("the client is told what the app allows", arguments: [true, false])
    func limits(extended: Bool) async throws {
        var configuration = LinkConfiguration()
        configuration.maximumStreams = extended ? 7 : 100
        configuration.enableConnectProtocol = extended
        let scene = try await Self.scene(app: configuration)
        let client = try await scene.client()
        #expect(try await client.ask("/who", Self.mine).text == "local")
        #expect(try await client.on { $0.peerMaximumStreams } == configuration.maximumStreams)
        #expect(try await client.on { $0.peerAcceptsExtendedConnect } == extended)
        if extended {
            let head: HeaderBlock = [
                HeaderField(":method", "CONNECT"), HeaderField(":protocol", "websocket"),
                HeaderField(":scheme", "http"), HeaderField(":authority", "a"), HeaderField(":path", "/echo"),
                HeaderField("x-user", "me"),
            ]
            let socket = try await client.start(head, endStream: false) { $0.write(ByteBuffer(string: "frame")) }
            try await Self.wait("the request") { try await scene.local.on { $0.heads.last == head } }
            try await socket.on { $0.end() }
            #expect(try await socket.get().text == "frame")
        }
        await scene.close(client)
    }

    @Test("the client's pings are answered while its streams wait")
    func pings() async throws {
        let scene = try await Self.scene()
        try await scene.gates.set { $0.answers = .never }
        let client = try await scene.client()
        _ = try await client.start(HTTP2TestClient.head("/who", Self.mine))
        let answered = client.loop.makePromise(of: Bool.self)
        try await client.on { link in link.ping { answered.succeed($0 != nil) } }
        #expect(try await answered.futureResult.get())
        await scene.close(client)
    }

    @Test("an app that speaks no HTTP/2 ends the client's connection")
    func otherProtocol() async throws {
        let app = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Refuser()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let gates = try await GateScene(appPort: app.localAddress?.port ?? 0, workstationPort: 1)
        try await gates.set { $0.header = ("x-user", "me") }
        let client = try await HTTP2TestClient(gates.port)
        do {
            let end = try await client.ask("/who", Self.yours).end
            if case .linkLost = end {} else { Issue.record("an answer") }
        } catch is HTTP2Error {
            // It was over before anything was asked.
        }
        await client.close()
        await gates.close()
        try await app.close()
    }
}
