import Actor
import HTTP2
import Message
import NIOCore
import NIOPosix
import Testing

@testable import Host

/// A caller's connection through the real agent, manager and workstation links, all on loopback.
///
///     caller ─► agent ─┬─► app
///                      └─► manager ─► workstation ─► handler
@Suite(.timeLimit(.minutes(1))) struct InterceptTests {
    private final class Pod: Sendable {
        let app: Answerer
        let agent: TrafficAgent
        let key: AgentRoutes.Port
        let agentPort: Int
        private let listener: any Channel
        private let running: Task<Void, Never>

        /// A loaded machine may take its time, so the agent is patient where falling back is not what is tested.
        init(
            _ scene: ManagerScene,
            _ name: String = "p1",
            app: Answerer,
            udp: Bool = false,
            patience: TimeAmount = .seconds(30)
        ) async throws {
            self.app = app
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            key = AgentRoutes.Port(number: app.port, transport: udp ? .udp : .tcp)
            let link = try scene.agentLink(name, loop, ports: [key])
            agent = TrafficAgent(ports: [key], prober: link, executor: loop.executor, logger: ManagerScene.logger)
            if udp {
                listener = try await UDPForwarder(
                    port: key,
                    appHost: "127.0.0.1",
                    agent: agent,
                    link: link,
                    patience: patience
                )
                .listen(agentPort: 0)
            } else {
                listener = try await TCPForwarder(
                    port: key,
                    appHost: "127.0.0.1",
                    agent: agent,
                    link: link,
                    patience: patience
                )
                .listen(agentPort: 0)
            }
            agentPort = listener.localAddress?.port ?? 0
            running = Task { [agent] in await link.run(agent) }
        }

        func close() async {
            running.cancel()
            try? await listener.close()
            await app.close()
        }

        /// Asks until `text` comes, or the suite's time is up: for what is told without an answer.
        func until(_ text: String) async throws {
            while try await Asker.tcp(port: agentPort, "x") != text { await Task.yield() }
        }
    }

    private func scene(_ app: Answerer, transport: PortProtocol = .tcp) async throws -> ManagerScene {
        try await ManagerScene(StillCluster(pods: ["p1"], port: app.port, transport: transport))
    }

    @Test("A request reaches the local handler while the intercept is active, and the app before and after")
    func reaches() async throws {
        let app = try await Answerer.tcp("app")
        let scene = try await scene(app)
        let pod = try await Pod(scene, app: app)
        let handler = try await Answerer.tcp("local")
        #expect(try await Asker.tcp(port: pod.agentPort, "hello") == "app:hello")
        let workstation = try await TestWorkstation(scene)
        let result = try await workstation.intercept(localPort: handler.port)
        #expect(result.code == 0, "\(result.message)")
        #expect(result.attachment?.environment == ["POD": "p1"])
        // The answer means that the very next request is served here.
        #expect(try await Asker.tcp(port: pod.agentPort, "hello") == "local:hello")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask {
                    let answer = try await Asker.tcp(port: pod.agentPort, "n\(number)")
                    #expect(answer == "local:n\(number)")
                }
            }
            try await group.waitForAll()
        }
        try await workstation.leave()
        try await pod.until("app:x")
        await workstation.cut()
        await handler.close()
        await pod.close()
        await scene.close()
    }

    @Test("When the local process dies the app answers")
    func handlerDies() async throws {
        let app = try await Answerer.tcp("app")
        let scene = try await scene(app)
        let pod = try await Pod(scene, app: app)
        let handler = try await Answerer.tcp("local")
        let workstation = try await TestWorkstation(scene)
        #expect(try await workstation.intercept(localPort: handler.port).code == 0)
        #expect(try await Asker.tcp(port: pod.agentPort, "1") == "local:1")
        await handler.close()
        #expect(try await Asker.tcp(port: pod.agentPort, "2") == "app:2")
        let again = try await Answerer.tcp("again", port: Int(handler.port))
        #expect(try await Asker.tcp(port: pod.agentPort, "3") == "again:3")
        await again.close()
        await workstation.cut()
        await pod.close()
        await scene.close()
    }

    @Test("A workstation that closes its links loses the traffic; a resumed session has it again")
    func resumes() async throws {
        let app = try await Answerer.tcp("app")
        let scene = try await scene(app)
        let pod = try await Pod(scene, app: app)
        let handler = try await Answerer.tcp("local")
        let first = try await TestWorkstation(scene)
        #expect(try await first.intercept(localPort: handler.port).code == 0)
        await first.cut()
        try await pod.until("app:x")
        let second = try await TestWorkstation(scene, resume: await first.welcome)
        #expect(await second.welcome.resumed)
        await second.until { $0.attachments.values.contains { $0.state == .active } }
        try await pod.until("local:x")
        await second.cut()
        await handler.close()
        await pod.close()
        await scene.close()
    }

    @Test("When the workstation vanishes without a word the app answers, at first after 700 ms, then at once")
    func vanishes() async throws {
        let app = try await Answerer.tcp("app")
        let scene = try await scene(app)
        let pod = try await Pod(scene, app: app, patience: TCPForwarder.patience)
        let handler = try await Answerer.tcp("local")
        let workstation = try await TestWorkstation(scene)
        #expect(try await workstation.intercept(localPort: handler.port).code == 0)
        try await pod.until("local:x")
        try await workstation.freeze()
        #expect(try await Asker.tcp(port: pod.agentPort, "2") == "app:2")
        // From then on nobody waits: the workstation is suspect until a probe is answered.
        #expect(await pod.agent.route(pod.key) == .app)
        #expect(try await Asker.tcp(port: pod.agentPort, "3") == "app:3")
        try await workstation.thaw()
        try await pod.until("local:x")
        await workstation.cut()
        await handler.close()
        await pod.close()
        await scene.close()
    }

    @Test("While the manager is away the app answers; when it is back and empty, everything is announced anew")
    func managerRestarts() async throws {
        let app = try await Answerer.tcp("app")
        let first = try await scene(app)
        let pod = try await Pod(first, app: app)
        let handler = try await Answerer.tcp("local")
        let workstation = try await TestWorkstation(first)
        #expect(try await workstation.intercept(localPort: handler.port).code == 0)
        await first.close()
        await workstation.until { $0.isOver }
        try await pod.until("app:x")
        let cluster = StillCluster(pods: ["p1"], port: app.port)
        let second = try await ManagerScene(cluster, port: first.port, authority: first.authority)
        let back = try await TestWorkstation(second)
        #expect(try await back.intercept(localPort: handler.port).code == 0)
        #expect(try await Asker.tcp(port: pod.agentPort, "2") == "local:2")
        await back.cut()
        await workstation.cut()
        await handler.close()
        await pod.close()
        await second.close()
    }

    @Test("Datagrams go to the workstation as well")
    func datagrams() async throws {
        let app = try await Answerer.udp("app")
        let scene = try await scene(app, transport: .udp)
        let pod = try await Pod(scene, app: app, udp: true)
        let handler = try await Answerer.udp("local")
        #expect(try await Asker.udp(port: pod.agentPort, "1") == "app:1")
        let workstation = try await TestWorkstation(scene)
        #expect(try await workstation.intercept(localPort: handler.port).code == 0)
        #expect(try await Asker.udp(port: pod.agentPort, "2") == "local:2")
        await workstation.cut()
        await handler.close()
        await pod.close()
        await scene.close()
    }

    @Test("Who keeps sending datagrams from one port is led over when an attachment begins, and back when it ends")
    func steadyDatagrams() async throws {
        let app = try await Answerer.udp("app")
        let scene = try await scene(app, transport: .udp)
        let pod = try await Pod(scene, app: app, udp: true)
        let handler = try await Answerer.udp("local")
        let sender = try await SteadyAsker(port: pod.agentPort)
        #expect(try await sender.ask("1") == "app:1")
        let workstation = try await TestWorkstation(scene)
        #expect(try await workstation.intercept(localPort: handler.port).code == 0)
        #expect(try await sender.ask("2") == "local:2")
        try await workstation.leave()
        var number = 3
        // The handler goes on: only the end of the attachment leads away from it.
        while try await sender.ask("\(number)") != "app:\(number)" { number += 1 }
        await sender.close()
        await workstation.cut()
        await handler.close()
        await pod.close()
        await scene.close()
    }
}
