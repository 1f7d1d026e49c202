@testable import Actor
import HTTP2
import Message
import NIOCore
import NIOPosix
import TLS
import Tunnel

@testable import Host

/// A manager, an agent with a door for direct links, and a workstation that dials it; the port-forward is a relay.
///
///     caller ─► agent ─┬─► manager ─► workstation ─► handler
///                      └─◄═ relay (can be cut) ═◄─┘
final class DirectAgentScene: Sendable {
    /// Everybody is who he says.
    struct ProvenJudge: AccessJudge {
        func identify(_ evidence: Evidence) async throws(ManagerFailure) -> Principal {
            guard case .agent(let namespace, let pod) = evidence.claim else { return .user(name: "ann", groups: []) }
            return .agent(namespace: namespace, pod: pod, podUID: "u1", serviceAccount: "default")
        }
        func mayAttach(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
        func mayList(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
        func mayAdminister(_ principal: Principal) async throws(ManagerFailure) {}
    }

    let app: Answerer
    let handler: Answerer
    let manager: ManagerScene
    let workstation: TestWorkstation
    let relay: CuttableRelay
    /// What the workstation keeps.
    let links: AgentLinks
    let agentPort: Int
    let doorPort: Int
    private let agentLink: AgentLink
    private let loop: any EventLoop
    private let targets: NIOLoopBound<LocalTargets>
    private let listeners: [any Channel]
    private let running: Task<Void, Never>

    /// A loaded machine may take its time: a direct link that is slow is not given up, unless that is what is tested.
    init(leastPatience: TimeAmount = .seconds(30), judge: any AccessJudge = ProvenJudge()) async throws {
        app = try await Answerer.tcp("app")
        handler = try await Answerer.tcp("local")
        manager = try await ManagerScene(StillCluster(pods: ["p1"], port: app.port), judge: judge)
        let agentLoop = MultiThreadedEventLoopGroup.singleton.next()
        let credential = try SessionCredential(authorities: manager.authority.certificatePEM)
        let key = AgentRoutes.Port(number: app.port, transport: .tcp)
        let link = try manager.agentLink("p1", agentLoop, ports: [key], credential: credential)
        let agent = TrafficAgent(ports: [key], prober: link, executor: agentLoop.executor, logger: ManagerScene.logger)
        let door = DirectDoor(
            eventLoop: agentLoop,
            credential: credential,
            agent: agent,
            leastPatience: leastPatience,
            logger: ManagerScene.logger
        )
        guard let doorListener = await door.listen(CollectionOfOne(0)) else { throw Asker.Silence() }
        doorPort = doorListener.localAddress?.port ?? 0
        link.open(door, port: doorPort)
        let forwarder = TCPForwarder(port: key, appHost: "127.0.0.1", agent: agent, link: link, patience: .seconds(30))
        let listener = try await forwarder.listen(agentPort: 0)
        agentPort = listener.localAddress?.port ?? 0
        listeners = [doorListener, listener]
        agentLink = link
        running = Task { await link.run(agent) }
        relay = try await CuttableRelay.start(to: doorPort, waits: true)
        workstation = try await TestWorkstation(manager)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.loop = loop
        targets = try await loop.submit { NIOLoopBound(LocalTargets(eventLoop: loop), eventLoop: loop) }.get()
        links = AgentLinks(eventLoop: loop, logger: ManagerScene.logger)
        let result = try await workstation.intercept(localPort: handler.port)
        guard result.code == 0, result.attachment != nil else { throw Asker.Silence() }
    }

    /// The workstation's attachment.
    var attachments: [Message.Attachment] {
        get async { Array(await workstation.attachments.values) }
    }

    /// Makes links as a workstation of this session.
    func dialler(authority: [UInt8]? = nil, credential: SessionCredential? = nil) -> AgentDialler {
        let place = ManagerPlace(
            namespace: "ambassador",
            pod: "m",
            port: manager.port,
            authority: authority ?? manager.authority.certificatePEM,
            takesClientCertificates: false
        )
        let linker = ManagerLinker(
            manager: place,
            credential: credential ?? workstation.credential,
            targets: targets,
            eventLoop: loop
        )
        return AgentDialler(linker: linker) { [relay, loop] _ in
            try await ClientBootstrap(group: loop).connect(host: "127.0.0.1", port: relay.port).get()
        }
    }

    /// Keeps direct links for the attachments that the workstation has now.
    func keepLinks() async throws {
        let attachments = try await held()
        let targets = targets
        try await loop.submit { targets.value.allow(attachments) }.get()
        await links.serve(attachments)
        await links.use(dialler(), session: workstation.welcome.sessionID)
    }

    /// The attachment as it was answered, with its agents.
    func held() async throws -> [Message.Attachment] {
        guard let attachment = await manager.manager.present(of: workstation.welcome.sessionID) else {
            throw Asker.Silence()
        }
        return [attachment]
    }

    /// Waits until the traffic takes a way; the suite has a time limit.
    func until(_ way: String) async throws {
        let attachments = try await held()
        while await links.ways(attachments).first?.way != way { try await Task.sleep(for: .milliseconds(10)) }
    }

    /// Connections that the agent has sent over a direct link.
    func direct() async throws -> UInt64 {
        let link = agentLink
        return try await link.eventLoop.submit { link.counts.direct }.get()
    }

    func ask(_ text: String) async throws -> String {
        try await Asker.tcp(port: agentPort, text, patience: .seconds(50))
    }

    func close() async {
        await links.close()
        await workstation.cut()
        running.cancel()
        for listener in listeners { try? await listener.close() }
        await relay.cut()
        await app.close()
        await handler.close()
        await manager.close()
    }
}

extension TrafficManager {
    /// The attachment of a session.
    fileprivate func present(of session: String) -> Message.Attachment? { machine.held(by: session).first }
}
