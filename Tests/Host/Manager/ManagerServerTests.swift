import Actor
import Call
import HTTP2
import Message
import NIOCore
import NIOPosix
import Testing
import Tunnel

@testable import Host

@Suite(.timeLimit(.minutes(1))) struct ManagerServerTests {
    private func scene() async throws -> ManagerScene {
        try await ManagerScene(StillCluster(pods: ["p1"], port: 8080))
    }

    /// What a CONNECT on `link` is answered.
    private func connect(_ link: Link, _ authority: String, _ fields: [HeaderField] = []) async throws -> DialFailure? {
        let promise = link.eventLoop.makePromise(of: DialFailure?.self)
        let destination = try #require(TunnelDestination(authority: authority))
        link.eventLoop.execute {
            TunnelDialler(link: link, eventLoop: link.eventLoop).openTCP(to: destination, fields: fields) { result in
                switch result {
                case .success(let stream):
                    stream.reset(.cancel)
                    promise.succeed(nil)
                case .failure(let failure): promise.succeed(failure)
                }
            }
        }
        return try await promise.futureResult.get()
    }

    @Test("Version and workloads are answered; a stranger's session is not")
    func calls() async throws {
        let scene = try await scene()
        let workstation = try await TestWorkstation(scene)
        let client = CallClient(link: workstation.link)
        let version = try await client.unary(ManagerCalls.version, Empty())
        #expect(version.name == "traffic-manager")
        let request = ListWorkloadsRequest(sessionID: await workstation.welcome.sessionID)
        let list = try await client.unary(ManagerCalls.listWorkloads, request)
        #expect(list.workloads.map(\.name) == ["web"])
        // Of a session the id is no secret.
        let stranger = CallClient(link: try await scene.dial(Link.forward))
        let other = try await TestWorkstation(scene)
        for (client, id) in [
            (client, "x"), (stranger, request.sessionID), (CallClient(link: other.link), request.sessionID),
        ] {
            await #expect(throws: CallStatus(.unauthenticated, "no such session on this link")) {
                _ = try await client.unary(ManagerCalls.listWorkloads, ListWorkloadsRequest(sessionID: id))
            }
            await #expect(throws: CallStatus(.unauthenticated, "no such session on this link")) {
                _ = try await client.unary(ManagerCalls.removeAgents, RemoveAgentsRequest(sessionID: id, all: true))
            }
        }
        await other.cut()
        await workstation.cut()
        await scene.close()
    }

    @Test("Outbound tunnels are dialled for workstations with a session, and failures are told apart")
    func outbound() async throws {
        let scene = try await scene()
        let answerer = try await Answerer.tcp("far")
        let workstation = try await TestWorkstation(scene)
        #expect(try await connect(workstation.link, "127.0.0.1:\(answerer.port)") == nil)
        let free = try await Answerer.freePort()
        #expect(try await connect(workstation.link, "127.0.0.1:\(free)") == .refused)
        let stranger = try await scene.dial(Link.forward)
        #expect(try await connect(stranger, "127.0.0.1:\(answerer.port)") == .policy)
        stranger.eventLoop.execute { stranger.close() }
        await answerer.close()
        await workstation.cut()
        await scene.close()
    }

    @Test("Nobody relays to a session without an attachment of his own workload")
    func relayPolicy() async throws {
        let scene = try await scene()
        let answerer = try await Answerer.tcp("local")
        let victim = try await TestWorkstation(scene)
        let other = try await TestWorkstation(scene, user: "bob")
        let session = await victim.welcome.sessionID
        let fields = [HeaderField("tp-session", session), HeaderField("tp-attachment", "1")]
        #expect(try await connect(other.link, "127.0.0.1:\(answerer.port)", fields) == .policy)
        #expect(try await connect(victim.link, "127.0.0.1:\(answerer.port)", fields) == .policy)
        await answerer.close()
        await victim.cut()
        await other.cut()
        await scene.close()
    }

    @Test("The link of an agent whose pod is gone is closed, though nothing comes on it any more")
    func goneAgent() async throws {
        let scene = try await scene()
        let link = try await scene.dial(Link.forward)
        let closed = link.eventLoop.makePromise(of: Void.self)
        link.eventLoop.execute {
            // It may be over already.
            if link.closeReason != nil { closed.succeed() } else { link.onClose = { _ in closed.succeed() } }
        }
        let (writer, messages) = try await CallClient(link: link).bidirectional(ManagerCalls.session)
        let agent = AgentHello(workloadKind: "Deployment", workloadName: "web", namespace: "default", podName: "p9")
        try await writer.send(.hello(Hello(kind: .agent, agent: agent)))
        _ = try await messages.next()
        #expect(await scene.manager.agent(namespace: "default", pod: "p9") != nil)
        // Nobody says that it has gone: it is not in the list.
        await scene.manager.take(.all([], namespace: nil))
        try await closed.futureResult.get()
        #expect(await scene.manager.agent(namespace: "default", pod: "p9") == nil)
        await scene.close()
    }

    @Test("A session stream that does not begin with a hello is refused")
    func noHello() async throws {
        let scene = try await scene()
        let link = try await scene.dial(Link.forward)
        let (writer, messages) = try await CallClient(link: link).bidirectional(ManagerCalls.session)
        try await writer.send(.heartbeat(Heartbeat(sequence: 1)))
        await #expect(throws: CallStatus(.invalidArgument, "the first message must be a hello")) {
            _ = try await messages.next()
        }
        link.eventLoop.execute { link.close() }
        await scene.close()
    }

    @Test(
        "The resolver's file gives the cluster's domain",
        arguments: [
            (
                "search ns.svc.example.org svc.example.org example.org\nnameserver 10.0.0.10\n", "example.org",
                "10.0.0.10"
            ),
            ("nameserver 1.1.1.1\nnameserver 2.2.2.2\n", "cluster.local", "1.1.1.1"),
            ("", "cluster.local", ""),
        ]
    )
    func resolver(text: String, domain: String, nameserver: String) {
        let configuration = PodResolver(text)
        #expect(configuration.clusterDomain == domain)
        #expect(configuration.nameserver == nameserver)
    }
}
