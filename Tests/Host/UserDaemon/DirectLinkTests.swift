import Actor
import Call
import Cluster
import HTTP2
import Message
import NIOCore
import NIOPosix
import TLS
import Testing
import Tunnel

@testable import Host

/// A session with a real manager on loopback that moves between two ways to it.
///
///     session ─┬─ first way ──────────────► manager
///              └─ relay (can be cut) ─────►
@Suite(.timeLimit(.minutes(1))) struct DirectLinkTests {
    private static func session(
        _ scene: ManagerScene,
        direct: [String],
        backoff: DirectBackoff = DirectBackoff()
    ) async throws -> RemoteManagerSession {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let targets = try await loop.submit { NIOLoopBound(LocalTargets(eventLoop: loop), eventLoop: loop) }.get()
        let place = ManagerPlace(
            namespace: "ambassador",
            pod: "m",
            port: scene.port,
            authority: scene.authority.certificatePEM,
            takesClientCertificates: false
        )
        let credential = try SessionCredential(authorities: scene.authority.certificatePEM)
        let linker = ManagerLinker(manager: place, credential: credential, targets: targets, eventLoop: loop)
        let access = ClusterAccess(
            endpoint: try ClusterEndpoint(url: "https://127.0.0.1:1"),
            credentials: StaticCredentialSource(.anonymous)
        )
        let proof = try await WorkstationProof(access, place)
        @Sendable func channel() async throws -> any Channel {
            try await ClientBootstrap(group: loop).connect(host: "127.0.0.1", port: scene.port).get()
        }
        let forward = try await linker.forward(over: try await channel(), proof)
        let client = try await loop.submit { CallClient(link: forward.value) }.get()
        let (requests, responses) = try await client.bidirectional(ManagerCalls.session)
        var hello = Hello(kind: .client, client: ClientHello(user: "ann", host: "box", namespace: "default"))
        hello.publicKey = credential.publicKey
        try await requests.send(.hello(hello))
        guard case .welcome(let welcome)? = try await responses.next() else {
            throw CallStatus(.internal, "no welcome")
        }
        hello.sessionID = welcome.sessionID
        hello.secret = welcome.secret
        credential.take(try #require(welcome.certificate))
        let reverse = try await linker.reverse(over: try await channel())
        var cluster = ClusterInfo()
        cluster.directAddresses = direct
        let facts = SessionFacts.example(sessionID: welcome.sessionID, secret: welcome.secret, cluster: cluster)
        let session = try await loop.submit {
            RemoteManagerSession(
                facts: facts,
                way: ManagerWay(forward: forward.value, reverse: reverse.value, name: facts.link),
                eventLoop: loop,
                client: client,
                requests: requests,
                credential: credential,
                source: access.credentials,
                logger: ManagerScene.logger
            )
        }.get()
        session.start(
            responses,
            keeper: DirectLinkKeeper(
                linker: linker,
                dial: DirectDial(eventLoop: loop, routed: [], kept: []),
                proof: { proof },
                hello: hello,
                backoff: backoff,
                logger: ManagerScene.logger
            )
        )
        return session
    }

    /// Asks an answerer through a tunnel of the session; nil when the tunnel does not live.
    private final class Talk: Sendable {
        private let stream: NIOLoopBound<HTTP2Stream>
        private let replies: AsyncStream<String>
        let loop: any EventLoop

        private init(_ stream: NIOLoopBound<HTTP2Stream>, _ replies: AsyncStream<String>, _ loop: any EventLoop) {
            self.stream = stream
            self.replies = replies
            self.loop = loop
        }

        static func open(_ session: RemoteManagerSession, _ port: UInt16) async throws -> Talk {
            let loop = session.eventLoop
            let promise = loop.makePromise(of: Talk.self)
            await session.withDialler { dialler in
                dialler.openTCP(to: TunnelDestination(host: "127.0.0.1", port: port)) { result in
                    switch result {
                    case .success(let stream):
                        let (replies, feed) = AsyncStream.makeStream(of: String.self)
                        stream.onData = { buffer in
                            stream.consume(buffer.readableBytes)
                            feed.yield(String(buffer: buffer))
                        }
                        stream.onClose = { _ in feed.finish() }
                        promise.succeed(Talk(NIOLoopBound(stream, eventLoop: loop), replies, loop))
                    case .failure(let failure): promise.fail(failure)
                    }
                }
            }
            return try await promise.futureResult.get()
        }

        func ask(_ text: String) async -> String? {
            loop.execute { self.stream.value.write(ByteBuffer(string: text)) }
            for await reply in replies { return reply }
            return nil
        }

        func end() {
            loop.execute { self.stream.value.end() }
        }
    }

    private static func moved(_ events: inout AsyncStream<SessionEvent>.Iterator) async -> SessionEvent? {
        while let event = await events.next(isolation: #isolation) {
            switch event {
            case .moved, .lost: return event
            default: continue
            }
        }
        return nil
    }

    @Test("a session moves to a direct link; open tunnels live on both ways, and on after the direct link is cut")
    func moves() async throws {
        let scene = try await ManagerScene(StillCluster(pods: [], port: 1))
        let answerer = try await Answerer.tcp("answer")
        let relay = try await CuttableRelay.start(to: scene.port, waits: true)
        let backoff = DirectBackoff()
        let session = try await Self.session(scene, direct: ["127.0.0.1:\(relay.port)"], backoff: backoff)
        let early = try await Talk.open(session, answerer.port)
        #expect(await early.ask("one") == "answer:one")
        try await relay.open()
        var events = session.events.makeAsyncIterator()
        let event = await Self.moved(&events)
        #expect(event == .moved("direct (127.0.0.1:\(relay.port))"))
        #expect(await early.ask("two") == "answer:two")
        let before = relay.carried
        let late = try await Talk.open(session, answerer.port)
        #expect(await late.ask("three") == "answer:three")
        #expect(relay.carried > before)
        // The manager answers on the new stream.
        await #expect(throws: Never.self) { try await session.workloads(namespace: "default") }
        await relay.cut()
        let end = await Self.moved(&events)
        guard case .lost? = end else {
            Issue.record("the session was not given up")
            return
        }
        #expect(await late.ask("four") == nil)
        // What had stayed on the way that was left is not touched.
        #expect(await early.ask("five") == "answer:five")
        early.end()
        await session.close()
        await answerer.close()
        await scene.close()
    }

    @Test("addresses that lead nowhere leave the session where it is; the next one is tried") func races() async throws
    {
        let scene = try await ManagerScene(StillCluster(pods: [], port: 1))
        let relay = try await CuttableRelay.start(to: scene.port)
        let nobody = try await Answerer.freePort()
        let session = try await Self.session(
            scene,
            direct: ["127.0.0.1:\(nobody)", "no-such-host.invalid:1", "127.0.0.1:\(relay.port)"]
        )
        var events = session.events.makeAsyncIterator()
        let event = await Self.moved(&events)
        #expect(event == .moved("direct (127.0.0.1:\(relay.port))"))
        await session.close()
        await relay.cut()
        await scene.close()
    }

    @Test("somebody else at the published address is refused, and the session stays") func stranger() async throws {
        let scene = try await ManagerScene(StillCluster(pods: [], port: 1))
        let other = try await ManagerScene(StillCluster(pods: [], port: 1))
        let answerer = try await Answerer.tcp("answer")
        let relay = try await CuttableRelay.start(to: other.port)
        let session = try await Self.session(scene, direct: ["127.0.0.1:\(relay.port)"])
        while relay.carried == 0 { try await Task.sleep(for: .milliseconds(10)) }
        let talk = try await Talk.open(session, answerer.port)
        #expect(await talk.ask("one") == "answer:one")
        #expect(!session.isLost)
        talk.end()
        await session.close()
        await relay.cut()
        await answerer.close()
        await other.close()
        await scene.close()
    }

    @Test("a direct address inside a routed subnet is not dialled, unless it keeps its route") func routed()
        async throws
    {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answerer = try await Answerer.tcp("answer")
        let address = try #require(DirectAddress("127.0.0.1:\(answerer.port)"))
        let through = DirectDial(eventLoop: loop, routed: TestPrefixes.loopback, kept: [])
        await #expect(throws: DirectDial.Failure.self) { try await through.connect([address]) }
        let named = try #require(DirectAddress("localhost:\(answerer.port)"))
        await #expect(throws: DirectDial.Failure.self) { try await through.connect([named]) }
        let kept = DirectDial(eventLoop: loop, routed: TestPrefixes.loopback, kept: TestPrefixes.address)
        let (channel, _) = try await kept.connect([address])
        try await channel.close()
        await answerer.close()
    }

    @Test("waits between attempts grow, and end when a link has stood") func backoff() {
        let backoff = DirectBackoff()
        #expect(backoff.delay == .zero)
        backoff.failed()
        #expect(backoff.delay == .seconds(2))
        for _ in 0..<20 { backoff.failed() }
        #expect(backoff.delay == .seconds(60))
        backoff.stood()
        #expect(backoff.delay == .zero)
    }
}
