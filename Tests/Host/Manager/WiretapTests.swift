import Actor
import HTTP2
import Message
import NIOCore
import NIOPosix
import Testing

@testable import Host

/// What callers say is copied to workstations, on loopback.
///
///     caller ─► agent ─┬─► app, or the workstation that intercepts
///                      └─► manager ─► workstation ─► whoever listens
@Suite(.timeLimit(.minutes(2))) struct WiretapTests {
    /// Connections that come, what they have said, and whether they have ended.
    private actor Listener {
        private(set) var said: [String] = []
        private(set) var ended = 0
        private(set) var bytes = 0

        func opened() -> Int {
            said.append("")
            return said.count - 1
        }

        func hears(_ text: String, on number: Int) { said[number] += text }
        func hears(_ count: Int) { bytes += count }
        func ends() { ended += 1 }

        /// The suite's time limit is the deadline.
        func until(_ condition: @Sendable (isolated Listener) -> Bool) async throws {
            while !condition(self) { try await Task.sleep(for: .milliseconds(10)) }
        }
    }

    private struct Server {
        let listener = Listener()
        let channel: any Channel
        var port: UInt16 { UInt16(channel.localAddress?.port ?? 0) }

        /// A server that keeps what it hears, or counts it alone, and answers with noise.
        init(keeping: Bool = true) async throws {
            let listener = listener
            channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Hearer(listener, keeping: keeping))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
        }

        /// A server that accepts and never reads.
        init(stuck: Void) async throws {
            channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .childChannelOption(.autoRead, value: false)
                .bind(host: "127.0.0.1", port: 0).get()
        }
    }

    private final class Hearer: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private let listener: Listener
        private let keeping: Bool
        private var words: AsyncStream<String?>.Continuation?

        init(_ listener: Listener, keeping: Bool) { (self.listener, self.keeping) = (listener, keeping) }

        func channelActive(context: ChannelHandlerContext) {
            let (stream, words) = AsyncStream.makeStream(of: String?.self)
            self.words = words
            // In order, whatever the number of hops.
            Task { [listener] in
                let number = await listener.opened()
                for await word in stream {
                    if let word { await listener.hears(word, on: number) } else { await listener.ends() }
                }
            }
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let buffer = Self.unwrapInboundIn(data)
            if keeping {
                words?.yield(String(buffer: buffer))
                context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(string: "nobody asked me")), promise: nil)
            } else {
                let count = buffer.readableBytes
                Task { [listener] in await listener.hears(count) }
            }
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard case .some(.inputClosed) = event as? ChannelEvent else { return }
            words?.yield(nil)
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { words?.finish() }
    }

    private final class Pod: Sendable {
        let port: Int
        private let listener: any Channel
        private let running: Task<Void, Never>

        init(_ scene: ManagerScene, _ appPort: UInt16, _ transport: PortProtocol = .tcp) async throws {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let key = AgentRoutes.Port(number: appPort, transport: transport)
            let link = try scene.agentLink("p1", loop, ports: [key])
            let agent = TrafficAgent(ports: [key], prober: link, executor: loop.executor, logger: ManagerScene.logger)
            listener =
                transport == .udp
                ? try await UDPForwarder(port: key, appHost: "127.0.0.1", agent: agent, link: link).listen(agentPort: 0)
                : try await TCPForwarder(
                    port: key,
                    appHost: "127.0.0.1",
                    agent: agent,
                    link: link,
                    patience: .seconds(30)
                ).listen(agentPort: 0)
            port = listener.localAddress?.port ?? 0
            running = Task { await link.run(agent) }
        }

        func close() async {
            running.cancel()
            try? await listener.close()
        }
    }

    private func scene(_ port: UInt16, _ transport: PortProtocol = .tcp) async throws -> ManagerScene {
        try await ManagerScene(StillCluster(pods: ["p1"], port: port, transport: transport))
    }

    @Test("Everybody who listens gets what callers say, the app answers, and what listeners say is thrown away")
    func copies() async throws {
        let app = try await Answerer.tcp("app")
        let scene = try await scene(app.port)
        let pod = try await Pod(scene, app.port)
        let servers = [try await Server(), try await Server(), try await Server()]
        var workstations: [TestWorkstation] = []
        for (number, server) in servers.enumerated() {
            let workstation = try await TestWorkstation(scene, user: "user\(number)")
            let result = try await workstation.attach(.wiretap, localPort: server.port)
            #expect(result.code == 0, "\(result.message)")
            workstations.append(workstation)
        }
        #expect(try await Asker.tcp(port: pod.port, "hello", patience: .seconds(50)) == "app:hello")
        for server in servers {
            try await server.listener.until { $0.ended == 1 }
            #expect(await server.listener.said == ["hello"])
        }
        // The first who leaves gets nothing more; the others do.
        try await workstations[0].leave()
        #expect(try await Asker.tcp(port: pod.port, "again", patience: .seconds(50)) == "app:again")
        for server in servers.dropFirst() { try await server.listener.until { $0.said == ["hello", "again"] } }
        #expect(await servers[0].listener.said.contains("again") == false)
        for workstation in workstations.dropFirst() {
            await workstation.until { $0.attachments.values.first?.copied == 2 }
            #expect(await workstation.attachments.values.first?.dropped == 0)
        }
        for workstation in workstations { await workstation.cut() }
        await pod.close()
        await app.close()
        await scene.close()
    }

    @Test("What another workstation intercepts is copied as well")
    func besideAnIntercept() async throws {
        let app = try await Answerer.tcp("app")
        let handler = try await Answerer.tcp("local")
        let scene = try await scene(app.port)
        let pod = try await Pod(scene, app.port)
        let server = try await Server()
        let (holder, listener) = (try await TestWorkstation(scene), try await TestWorkstation(scene, user: "bob"))
        #expect(try await listener.attach(.wiretap, localPort: server.port).code == 0)
        #expect(try await holder.intercept(localPort: handler.port).code == 0)
        #expect(try await Asker.tcp(port: pod.port, "hello", patience: .seconds(50)) == "local:hello")
        try await server.listener.until { $0.said == ["hello"] }
        await holder.cut()
        await listener.cut()
        await pod.close()
        await app.close()
        await handler.close()
        await scene.close()
    }

    @Test("A listener that is stuck holds nobody up: its copy is cut and counted, and the next one begins anew")
    func stuck() async throws {
        let app = try await Server(keeping: false)
        let scene = try await scene(app.port)
        let pod = try await Pod(scene, app.port)
        let stuck = try await Server(stuck: ())
        let workstation = try await TestWorkstation(scene)
        #expect(try await workstation.attach(.wiretap, localPort: stuck.port).code == 0)
        // More than all windows and socket buffers on the way together hold.
        let (piece, count) = (ByteBuffer(repeating: 7, count: 1 << 20), 64)
        let caller = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: pod.port).get()
        for _ in 0..<count { try await caller.writeAndFlush(piece) }
        try await app.listener.until { $0.bytes == count << 20 }
        await workstation.until { $0.attachments.values.first?.dropped == 1 }
        #expect(await workstation.attachments.values.first?.copied == 1)
        try await caller.close()
        await workstation.cut()
        try? await app.channel.close()
        await pod.close()
        await scene.close()
    }

    @Test("Nobody listens at the workstation: the app answers as ever, and the copies are counted as lost")
    func nobody() async throws {
        let app = try await Answerer.tcp("app")
        let scene = try await scene(app.port)
        let pod = try await Pod(scene, app.port)
        let workstation = try await TestWorkstation(scene)
        #expect(try await workstation.attach(.wiretap, localPort: UInt16(try await Answerer.freePort())).code == 0)
        #expect(try await Asker.tcp(port: pod.port, "hello", patience: .seconds(50)) == "app:hello")
        await workstation.until { $0.attachments.values.first?.dropped == 1 }
        await workstation.cut()
        await pod.close()
        await app.close()
        await scene.close()
    }

    @Test("Datagrams are copied, those of flows that were there before included")
    func datagrams() async throws {
        let app = try await Answerer.udp("app")
        let scene = try await scene(app.port, .udp)
        let pod = try await Pod(scene, app.port, .udp)
        let heard = try await DatagramListener()
        let caller = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: pod.port).get()
        try await caller.writeAndFlush(ByteBuffer(string: "before"))
        let workstation = try await TestWorkstation(scene)
        #expect(try await workstation.attach(.wiretap, localPort: heard.port).code == 0)
        while await !heard.heard.said.contains("after") {
            try await caller.writeAndFlush(ByteBuffer(string: "after"))
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await Asker.udp(port: pod.port, "x", patience: .seconds(50)) == "app:x")
        await workstation.until { $0.attachments.values.first?.copied ?? 0 > 0 }
        try await caller.close()
        await workstation.cut()
        await pod.close()
        await app.close()
        await scene.close()
    }

    private actor Heard {
        private(set) var said: Set<String> = []
        func hears(_ text: String) { said.insert(text) }
    }

    private struct DatagramListener {
        let heard = Heard()
        let port: UInt16

        init() async throws {
            let heard = heard
            let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(DatagramHearer(heard))
                    }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            port = UInt16(channel.localAddress?.port ?? 0)
        }
    }

    private final class DatagramHearer: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        private let heard: Heard

        init(_ heard: Heard) { self.heard = heard }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let text = String(buffer: Self.unwrapInboundIn(data).data)
            Task { [heard] in await heard.hears(text) }
        }
    }
}
