import Actor
import Call
import HTTP2
import Logging
import Message
import NIOCore
import NIOPosix
import Testing
import TLS
import Tunnel

@testable import Host

/// Status, logs and levels over the real links of manager, agent and workstation, all on loopback.
@Suite(.timeLimit(.minutes(1))) struct StatusTests {
    /// Nobody administers.
    private struct StrictJudge: AccessJudge {
        func identify(_ evidence: Evidence) async throws(ManagerFailure) -> Principal { .unproven }
        func mayAttach(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
        func mayList(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
        func mayAdminister(_ principal: Principal) async throws(ManagerFailure) {
            throw ManagerFailure(.forbidden, "ann may not update ConfigMap traffic-manager")
        }
    }

    /// Everybody is who he says.
    private struct ProvenJudge: AccessJudge {
        func identify(_ evidence: Evidence) async throws(ManagerFailure) -> Principal {
            guard case .agent(let namespace, let pod) = evidence.claim else { return .user(name: "ann", groups: []) }
            return .agent(namespace: namespace, pod: pod, podUID: "u1", serviceAccount: "default")
        }
        func mayAttach(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
        func mayList(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
        func mayAdminister(_ principal: Principal) async throws(ManagerFailure) {}
    }

    /// A manager, an agent that dials back, and a workstation.
    private struct Stage {
        let scene: ManagerScene
        let agentLogs = LogStore(echo: false)
        let agent: Task<Void, Never>
        let workstation: TestWorkstation
        let client: CallClient

        init(judge: any AccessJudge = OpenJudge(), idleTime: TimeAmount = .seconds(30)) async throws {
            scene = try await ManagerScene(StillCluster(pods: ["p1"], port: 8080), judge: judge)
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let board = StatusBoard(kind: "traffic-agent", name: "p1", logs: agentLogs)
            let service = StatusService(board: board, access: OwnersAccess(.own), logs: agentLogs)
            let credential = try SessionCredential(authorities: scene.authority.certificatePEM)
            let dialBack = scene.dialBack(service, loop, credential, idleTime: idleTime)
            let link = try scene.agentLink("p1", loop, credential: credential, dialBack: dialBack, logs: agentLogs)
            let actor = TrafficAgent(ports: [], prober: link, executor: loop.executor, logger: ManagerScene.logger)
            board.add { _, report in
                report.attachments += await actor.statusRows()
                report.join(await link.statusRows())
            }
            agent = Task { await link.run(actor) }
            workstation = try await TestWorkstation(scene)
            client = CallClient(link: workstation.link)
            _ = try await until("manager") {
                $0.sessions.contains { $0.kind == .agent && $0.linked } || judge is StrictJudge
            }
            if judge is StrictJudge {
                while await scene.manager.agent(namespace: "default", pod: "p1") == nil { await Task.yield() }
            }
        }

        /// Watches until the state is as wanted; the suite's time limit ends what does not come.
        func until(_ target: String, _ condition: (StatusReport) -> Bool) async throws -> StatusReport {
            var state = StatusReport()
            for try await report in try await client.serverStream(StatusCalls.watch, StatusRequest(target: target)) {
                state.apply(report)
                if !report.more, condition(state) { return state }
            }
            throw CallStatus(.internal, "the watch ended")
        }

        func snapshot(_ target: String) async throws -> StatusReport {
            var state = StatusReport()
            let request = StatusRequest(target: target, once: true)
            for try await report in try await client.serverStream(StatusCalls.watch, request) { state.apply(report) }
            return state
        }

        func close() async {
            agent.cancel()
            await workstation.cut()
            await scene.close()
        }
    }

    @Test("the manager tells of sessions, links and their round trip, and then of what changes")
    func manager() async throws {
        let stage = try await Stage()
        let id = await stage.workstation.welcome.sessionID
        let state = try await stage.until("manager") { state in
            state.links.contains { $0.sessionID == id && $0.roundTripMicroseconds > 0 }
        }
        #expect(state.component?.kind == "traffic-manager")
        #expect(state.component?.version == ProductVersion.text)
        #expect(state.sessions.first { $0.id == id }?.owner == "ann@box")
        #expect(state.links.contains { $0.peer == "p1" && $0.bytesIn > 0 })
        // Another workstation comes and goes while somebody watches.
        let other = try await TestWorkstation(stage.scene, user: "bob")
        _ = try await stage.until("") { $0.sessions.contains { $0.owner == "bob@box" && $0.linked } }
        await other.cut()
        _ = try await stage.until("") { $0.sessions.contains { $0.owner == "bob@box" && !$0.linked } }
        await stage.close()
    }

    @Test("one stream tells a snapshot first and then only what has changed")
    func changes() async throws {
        let stage = try await Stage()
        let reports = try await stage.client.serverStream(StatusCalls.watch, StatusRequest())
        let first = try #require(try await reports.next())
        #expect(first.full)
        let other = try await TestWorkstation(stage.scene, user: "bob")
        var owners: [String] = []
        while let report = try await reports.next() {
            #expect(!report.full)
            owners += report.sessions.map(\.owner)
            if owners.contains("bob@box") { break }
        }
        #expect(!owners.contains("p1"))
        await other.cut()
        await stage.close()
    }

    @Test("an agent dials back to be asked, and closes the link when nobody asks any more")
    func agent() async throws {
        let stage = try await Stage(idleTime: .seconds(1))
        let state = try await stage.snapshot("agent/default/p1")
        #expect(state.component?.kind == "traffic-agent")
        #expect(state.component?.name == "p1")
        #expect(state.links.first?.peer == "traffic-manager")
        let agent = try #require(await stage.scene.manager.agent(namespace: "default", pod: "p1"))
        // The manager learns that the reverse link is gone, and asks for another the next time.
        _ = try await stage.until("manager") { $0.sessions.contains { $0.id == agent && !$0.reachable } }
        #expect(try await stage.snapshot("agent/p1").component?.name == "p1")
        #expect(try await stage.snapshot("session/\(agent)").component?.name == "p1")
        await stage.close()
    }

    @Test("an agent whose pod is proven dials back by its pod's certificate")
    func proven() async throws {
        let stage = try await Stage(judge: ProvenJudge())
        #expect(try await stage.snapshot("agent/p1").component?.name == "p1")
        await stage.close()
    }

    @Test("a pod without an agent, an unknown session and nonsense are told apart")
    func absent() async throws {
        let stage = try await Stage()
        for (target, code) in [
            ("agent/default/p2", CallCode.notFound), ("session/x", .notFound), ("nonsense", .invalidArgument),
            ("rootd", .notFound),
        ] {
            let error = await #expect(throws: CallStatus.self) { try await stage.snapshot(target) }
            #expect(error?.code == code, "\(target)")
        }
        await stage.close()
    }

    @Test("who may not administer sees his own, and neither others' agents nor logs nor levels")
    func rights() async throws {
        let stage = try await Stage(judge: StrictJudge())
        let other = try await TestWorkstation(stage.scene, user: "bob")
        let state = try await stage.snapshot("manager")
        #expect(state.sessions.map(\.owner) == ["ann@box"])
        #expect(Set(state.links.map(\.sessionID)) == [await stage.workstation.welcome.sessionID])
        #expect(state.errors.isEmpty && state.failures.isEmpty)
        let bob = await other.welcome.sessionID
        for target in ["agent/default/p1", "session/\(bob)"] {
            let error = await #expect(throws: CallStatus.self) { try await stage.snapshot(target) }
            #expect(error?.code == .permissionDenied, "\(target)")
            #expect(error?.message.contains("ConfigMap") == true)
        }
        let logs = await #expect(throws: CallStatus.self) {
            for try await _ in try await stage.client.serverStream(StatusCalls.logs, LogRequest(target: "manager")) {}
        }
        #expect(logs?.code == .permissionDenied)
        let level = await #expect(throws: CallStatus.self) {
            _ = try await stage.client.unary(StatusCalls.setLogLevel, LogLevelRequest(level: "trace"))
        }
        #expect(level?.code == .permissionDenied)
        #expect(stage.scene.logs.currentLevel == .info)
        // Whose attachment an agent serves may look at it.
        let handler = try await Answerer.tcp("local")
        let result = try await stage.workstation.intercept(localPort: handler.port)
        if result.code == 0 {
            #expect(try await stage.snapshot("agent/default/p1").component?.name == "p1")
        }
        await handler.close()
        await other.cut()
        await stage.close()
    }

    @Test("without a session nobody is told anything")
    func strangers() async throws {
        let stage = try await Stage()
        let client = CallClient(link: try await stage.scene.dial(Link.forward))
        let error = await #expect(throws: CallStatus.self) {
            for try await _ in try await client.serverStream(StatusCalls.watch, StatusRequest(once: true)) {}
        }
        #expect(error?.code == .unauthenticated)
        await stage.close()
    }

    @Test("an agent's log is followed through the manager")
    func logs() async throws {
        let stage = try await Stage()
        stage.agentLogs.append(.info, label: "test", "before")
        let request = LogRequest(target: "agent/default/p1", follow: true, tail: 1)
        let lines = try await stage.client.serverStream(StatusCalls.logs, request)
        // What is logged of the call itself may come first.
        stage.agentLogs.append(.info, label: "test", "kept or new")
        while let line = try await lines.next(), line.text != "kept or new" {}
        stage.agentLogs.append(.warning, label: "test", "new")
        #expect(try await lines.next()?.text == "new")
        await stage.close()
    }

    @Test("levels change in the manager and in all agents, and come back")
    func levels() async throws {
        let stage = try await Stage()
        let request = LogLevelRequest(level: "debug", durationSeconds: 1, agents: true)
        let result = try await stage.client.unary(StatusCalls.setLogLevel, request)
        #expect(result == LogLevelResult(former: "info", agents: 1))
        for store in [stage.scene.logs, stage.agentLogs] {
            let (kept, coming) = store.read(LogRequest(follow: true))
            if !kept.contains(where: { $0.text.hasPrefix("level restored") }), let coming {
                for await line in coming where line.text.hasPrefix("level restored") { break }
            }
            #expect(store.read(LogRequest()).kept.contains { $0.text.hasPrefix("level changed level=debug") })
            #expect(store.currentLevel == .info)
        }
        await stage.close()
    }

    @Test("tunnels that fail are counted with their reason and destination")
    func tunnels() async throws {
        let stage = try await Stage()
        let answerer = try await Answerer.tcp("far")
        let free = try await Answerer.freePort()
        for port in [UInt16(answerer.port), UInt16(free)] {
            let promise = stage.workstation.link.eventLoop.makePromise(of: Void.self)
            let link = stage.workstation.link
            link.eventLoop.execute {
                TunnelDialler(link: link).openTCP(to: TunnelDestination(host: "127.0.0.1", port: port)) { result in
                    if case .success(let stream) = result { stream.reset(.cancel) }
                    promise.succeed()
                }
            }
            try await promise.futureResult.get()
        }
        let state = try await stage.snapshot("manager")
        let tunnels = state.tunnels.first
        #expect(tunnels?.opened == 1)
        #expect(tunnels?.failed == 1)
        #expect(tunnels?.reasons == [StatusCounter(name: "refused", value: 1)])
        #expect(state.failures.map(\.destination) == ["127.0.0.1:\(free)"])
        #expect(state.failures.map(\.reason) == ["refused"])
        await answerer.close()
        await stage.close()
    }
}
