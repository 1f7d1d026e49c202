import Glibc
import HTTP2
import Message
import NIOCore
import NIOPosix
import TLS
import Testing

@testable import Host

/// TLS that is ended in the agent, and opened anew behind it.
@Suite(.timeLimit(.minutes(2))) struct TLSPortTests {
    let authority: CertificateAuthority

    init() throws { authority = try CertificateAuthority(commonName: "test") }

    @Test("without an attachment, and without a wish for plain text, the caller's TLS is with the app itself")
    func untouched() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app"))
        let handler = try await TLSAnswerer("local", TLSScene.server(authority, "handler"))
        let scene = try await TLSScene(authority, appPort: app.port)
        var answer = try await scene.get(scene.client())
        #expect(answer.server == "app" && answer.text == "app - -", "\(answer)")
        #expect(try await scene.intercept(handler.port, all: true).code == 0)
        answer = try await scene.get(scene.client())
        #expect(answer.server == "handler" && answer.text == "local - -", "\(answer)")
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test(
        "a filter sees requests; app and workstation are spoken to in TLS, in the protocol that the app picks",
        arguments: [TLSVersion.v1_2, .v1_3]
    )
    func filtered(newest: TLSVersion) async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app", alpn: ["http/1.1"]))
        // Of an authority that nobody knows: what a developer has made for himself.
        let handler = try await TLSAnswerer(
            "local",
            TLSScene.server(CertificateAuthority(commonName: "own"), "handler", alpn: ["http/1.1"])
        )
        let scene = try await TLSScene(authority, appPort: app.port, hasAuthority: true)
        #expect(try await scene.intercept(handler.port).code == 0)
        let client = try scene.client(alpn: ["h2", "http/1.1"], newest: newest)
        var answer = try await scene.get(client, "X-Dev: me")
        #expect(answer.server == "agent" && answer.alpn == "http/1.1" && answer.text == "local http/1.1 -", "\(answer)")
        answer = try await scene.get(client, "X-Dev: you")
        #expect(answer.server == "agent" && answer.alpn == "http/1.1" && answer.text == "app http/1.1 -", "\(answer)")
        // A caller that offers nothing gets nothing.
        answer = try await scene.get(scene.client(newest: newest), "X-Dev: me")
        #expect(answer.alpn == nil && answer.text == "local - -", "\(answer)")
        try await scene.workstation.leave()
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test("two requests on one connection go where each belongs") func keepAlive() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app"))
        let handler = try await TLSAnswerer("local", TLSScene.server(authority, "handler"))
        let scene = try await TLSScene(authority, appPort: app.port, hasAuthority: true)
        #expect(try await scene.intercept(handler.port).code == 0)
        let text = "GET /1 HTTP/1.1\r\nHost: a\r\nX-Dev: me\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
        let answer = try await TLSAsker.ask(port: scene.port, scene.client(), text, awaiting: "app - -")
        #expect(answer.text.contains("local - -"), "\(answer)")
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test("who wants plain text gets it, by a filter") func plaintext() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app", alpn: ["h2", "http/1.1"]))
        let handler = try await Answerer.tcp("local")
        let scene = try await TLSScene(authority, appPort: app.port, hasAuthority: true)
        #expect(try await scene.intercept(handler.port, plaintext: true).code == 0)
        let head = "GET / HTTP/1.1\r\nX-Dev: me\r\n\r\n"
        // It echoes what it hears.
        let client = try scene.client(alpn: ["h2", "http/1.1"])
        var answer = try await TLSAsker.ask(port: scene.port, client, head, awaiting: "local:" + head)
        #expect(answer.text == "local:" + head && answer.server == "agent", "\(answer)")
        // What speaks plain text there seldom speaks HTTP/2, so that a caller who can do without gets the other.
        #expect(answer.alpn == "http/1.1")
        answer = try await scene.get(client)
        #expect(answer.text == "app http/1.1 -", "\(answer)")
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test("who wants all of it in plain text gets it, whatever it is") func allPlaintext() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app"))
        let handler = try await Answerer.tcp("local")
        let scene = try await TLSScene(authority, appPort: app.port, hasAuthority: true)
        #expect(try await scene.intercept(handler.port, all: true, plaintext: true).code == 0)
        let answer = try await TLSAsker.ask(port: scene.port, scene.client(), "\u{1}no HTTP", awaiting: "HTTP")
        #expect(answer.text == "local:\u{1}no HTTP" && answer.server == "agent", "\(answer)")
        await handler.close()
        // Nobody there any more: the app is asked, in TLS.
        #expect(try await scene.get(scene.client()).text == "app - -")
        await scene.close()
        await app.close()
    }

    @Test("where the app wants certificates of its callers, callers show them here, and the agent shows its own")
    func mutual() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app", mutual: true))
        let handler = try await TLSAnswerer("local", TLSScene.server(authority, "handler", mutual: true))
        let scene = try await TLSScene(authority, appPort: app.port, hasUpstream: true, hasAuthority: true)
        #expect(try await scene.intercept(handler.port).code == 0)
        let known = try scene.client(identity: authority.issue(commonName: "caller"))
        #expect(try await scene.get(known, "X-Dev: me").text == "local - upstream")
        let answer = try await scene.get(known)
        #expect(answer.text == "app - upstream" && answer.server == "agent", "\(answer)")
        await #expect(throws: (any Error).self) { try await scene.get(scene.client()) }
        let stranger = try CertificateAuthority(commonName: "other").issue(commonName: "caller")
        await #expect(throws: (any Error).self) { try await scene.get(scene.client(identity: stranger)) }
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test("an app that wants certificates which nobody here can check has its callers to itself")
    func mutualUnknown() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app", mutual: true))
        let scene = try await TLSScene(authority, appPort: app.port, hasUpstream: true)
        #expect(try await scene.intercept(1).code == 0)
        let known = try scene.client(identity: authority.issue(commonName: "caller"))
        let answer = try await scene.get(known, "X-Dev: me")
        #expect(answer.text == "app - caller" && answer.server == "app", "\(answer)")
        await scene.close()
        await app.close()
    }

    @Test("an app that is not believed has its callers to itself, unless nobody is to look", arguments: [false, true])
    func unknownApp(skips: Bool) async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(CertificateAuthority(commonName: "other"), "app"))
        let handler = try await TLSAnswerer("local", TLSScene.server(authority, "handler"))
        let scene = try await TLSScene(authority, appPort: app.port, skipsVerification: skips)
        #expect(try await scene.intercept(handler.port).code == 0)
        let client = try TLSContext.client(trust: .nobodyChecked, identity: nil, alpn: [])
        let answer = try await scene.get(client, "X-Dev: me")
        #expect(answer.text == (skips ? "local - -" : "app - -"), "\(answer)")
        #expect(answer.server == (skips ? "agent" : "app"), "\(answer)")
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test("a certificate that is renewed is shown to the next caller") func renewal() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app"))
        let handler = try await TLSAnswerer("local", TLSScene.server(authority, "handler"))
        let scene = try await TLSScene(authority, appPort: app.port, hasAuthority: true)
        #expect(try await scene.intercept(handler.port).code == 0)
        #expect(try await scene.get(scene.client(), "X-Dev: me").server == "agent")
        try scene.renew("renewed")
        let answer = try await scene.get(scene.client(), "X-Dev: me")
        #expect(answer.server == "renewed" && answer.text == "local - -", "\(answer)")
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test("without a certificate an attachment that needs one is refused, and one that does not is taken")
    func missing() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app"))
        let handler = try await TLSAnswerer("local", TLSScene.server(authority, "handler"))
        let scene = try await TLSScene(authority, appPort: app.port)
        try scene.removeCertificate()
        let result = try await scene.intercept(handler.port)
        #expect(result.message.contains("cannot be ended") && result.message.contains("tls.crt"), "\(result)")
        try await scene.workstation.leave()
        #expect(try await scene.intercept(handler.port, all: true).code == 0)
        #expect(try await scene.get(scene.client()).server == "handler")
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test("what does not begin with TLS is passed to the app as it is") func noTLS() async throws {
        let app = try await Answerer.tcp("app")
        let scene = try await TLSScene(authority, appPort: app.port)
        #expect(try await scene.intercept(1).code == 0)
        #expect(try await Asker.tcp(port: scene.port, "hello", patience: .seconds(40)) == "app:hello")
        await scene.close()
        await app.close()
    }

    @Test("a request whose workstation does not speak TLS is the app's") func noTLSThere() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app"))
        let handler = try await Answerer.tcp("local")
        let scene = try await TLSScene(authority, appPort: app.port, hasAuthority: true)
        #expect(try await scene.intercept(handler.port).code == 0)
        for _ in 0..<2 {
            let answer = try await scene.get(scene.client(), "X-Dev: me")
            #expect(answer.text == "app - -" && answer.server == "agent", "\(answer)")
        }
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test("when the app is down, requests for the workstation are served") func appDown() async throws {
        // Bound, so that nobody else gets it, but nobody listens.
        let app = try SilentPort()
        let handler = try await TLSAnswerer("local", TLSScene.server(authority, "handler"))
        let scene = try await TLSScene(authority, appPort: app.number)
        #expect(try await scene.intercept(handler.port).code == 0)
        let answer = try await scene.get(scene.client(alpn: ["http/1.1"]), "X-Dev: me")
        #expect(answer.server == "agent", "\(answer)")
        await #expect(throws: (any Error).self) { try await scene.get(scene.client()) }
        await scene.close()
        await handler.close()
        app.close()
    }

    @Test("streams of HTTP/2 over TLS go where each belongs, in TLS or in plain text", arguments: [false, true])
    func streams(plaintext: Bool) async throws {
        let app = try await HTTP2TestServer("app", tls: TLSScene.server(authority, "app", alpn: ["h2"]))
        let handler = try await HTTP2TestServer(
            "local",
            tls: plaintext ? nil : TLSScene.server(authority, "handler", alpn: ["h2"])
        )
        let scene = try await TLSScene(authority, appPort: UInt16(app.port), hasAuthority: true)
        #expect(try await scene.intercept(UInt16(handler.port), plaintext: plaintext).code == 0)
        let client = try await HTTP2TestClient(scene.port, tls: scene.client(alpn: ["h2"]))
        for _ in 0..<2 {
            #expect(try await client.ask("/who", [HeaderField("x-dev", "me")]).text == "local")
            #expect(try await client.ask("/who").text == "app")
        }
        await client.close()
        await scene.close()
        await handler.close()
        await app.close()
    }

    @Test("a wiretap that wants plain text gets a copy of it") func wiretap() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app"))
        let listener = try await Listener()
        let scene = try await TLSScene(authority, appPort: app.port, hasAuthority: true)
        #expect(try await scene.workstation.attach(.wiretap, localPort: listener.port, plaintext: true).code == 0)
        let answer = try await scene.get(scene.client(), "X-Dev: me")
        #expect(answer.text == "app - -" && answer.server == "agent", "\(answer)")
        let heard = try await listener.heard.get()
        #expect(heard.hasPrefix("GET / HTTP/1.1\r\n") && heard.hasSuffix("X-Dev: me\r\n\r\n"), "\(heard)")
        await scene.close()
        await listener.close()
        await app.close()
    }

    @Test("who offers HTTP/2 gets it where the app picks it") func http2() async throws {
        let app = try await TLSAnswerer("app", TLSScene.server(authority, "app", alpn: ["h2", "http/1.1"]))
        let scene = try await TLSScene(authority, appPort: app.port, hasAuthority: true)
        #expect(try await scene.intercept(1).code == 0)
        for (offered, expected) in [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), (["h2"], "h2")] {
            let answer = try await TLSAsker.ask(port: scene.port, scene.client(alpn: offered), "", awaiting: nil)
            #expect(answer.alpn == expected && answer.server == "agent", "\(answer)")
        }
        await scene.close()
        await app.close()
    }
}

/// A server that says nothing, and tells what it has heard up to the end of a head.
private struct Listener {
    let channel: any Channel
    let port: UInt16
    let heard: EventLoopFuture<String>

    init() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: String.self)
        heard = promise.futureResult
        channel = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Ear(promise))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = UInt16(channel.localAddress?.port ?? 0)
    }

    func close() async { try? await channel.close() }

    private final class Ear: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let promise: EventLoopPromise<String>
        private var text = ""

        init(_ promise: EventLoopPromise<String>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            text += String(buffer: Self.unwrapInboundIn(data))
            if text.hasSuffix("\r\n\r\n") { promise.succeed(text) }
        }

        func channelInactive(context: ChannelHandlerContext) { promise.fail(ChannelError.eof) }
    }
}

/// A port of loopback that is taken, and refuses connections.
private struct SilentPort {
    let number: UInt16
    private let descriptor: Int32

    init() throws {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        try #require(isBound)
        self.descriptor = descriptor
        number = UInt16(bigEndian: address.sin_port)
    }

    func close() { _ = Glibc.close(descriptor) }
}
