import Actor
import Logging
import Message
import Testing

/// What becomes of attachments when links, managers and people come and go.
@Suite(.timeLimit(.minutes(1))) struct RegistryLifeTests {
    /// Lets only one user administer, and nobody attach in namespace `closed`.
    private struct Table: AccessJudge {
        func identify(_ evidence: Evidence) async throws(ManagerFailure) -> Principal { .unproven }

        func mayAttach(_ principal: Principal, namespace: String) async throws(ManagerFailure) {
            guard namespace != "closed" else { throw ManagerFailure(.forbidden, "\(principal) may not attach") }
        }

        func mayList(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
        func mayAdminister(_ principal: Principal) async throws(ManagerFailure) {
            guard principal == .user(name: "root", groups: []) else {
                throw ManagerFailure(.forbidden, "\(principal) may not administer")
            }
        }
    }

    private let cluster = MemoryCluster()

    private func manager(retention: Duration = .seconds(60), inactivity: Duration = .seconds(600)) -> TrafficManager {
        TrafficManager(
            cluster: cluster,
            judge: Table(),
            version: "test",
            timeouts: ManagerTimeouts(
                agentArrival: .seconds(20),
                confirmation: .seconds(20),
                retention: retention,
                agentRetention: .zero,
                inactivity: inactivity
            ),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func client(
        _ manager: TrafficManager,
        _ user: String = "ann",
        resume: Peer? = nil,
        bringing: [Message.Attachment] = []
    ) async throws -> Peer {
        var hello = Hello(
            kind: .client,
            client: ClientHello(user: user, host: "box", namespace: "default", attachments: bringing)
        )
        if let welcome = await resume?.welcome {
            hello.sessionID = welcome.sessionID
            hello.secret = welcome.secret
        }
        return try await Peer(manager, hello, as: .user(name: user, groups: []))
    }

    private func agent(_ manager: TrafficManager, pod: String = "p1") async throws -> Peer {
        try await Peer(
            manager,
            Hello(
                kind: .agent,
                agent: AgentHello(
                    workloadKind: "Deployment",
                    workloadName: "web",
                    namespace: "default",
                    podName: pod,
                    podIP: "10.244.0.9",
                    containers: [ContainerInfo(name: "main", environment: ["A": "1"])],
                    ports: [AgentPort(container: "main", containerPort: 8080, protocol: .tcp)]
                )
            )
        )
    }

    private func attach(_ client: Peer, _ id: String = "r1", name: String = "web") async throws -> RequestResult {
        let spec = AttachmentSpec(name: name, kind: .intercept, workload: "web", ports: [PortSpec(localPort: 9999)])
        await client.say(.attachRequest(AttachRequest(requestID: id, spec: spec)))
        return try await client.result(id)
    }

    /// What a workstation brings with it.
    private func held(by client: Peer) async -> [Message.Attachment] {
        await client.attachments.values.map { attachment in
            var attachment = attachment
            attachment.environment = [:]
            return attachment
        }
    }

    @Test("A new manager holds an attachment again under its id, without asking the cluster, before its agent is back")
    func restart() async throws {
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let first = manager()
        _ = try await agent(first)
        let ann = try await client(first)
        let before = try #require(try await attach(ann).attachment)
        try await ann.until { !$0.attachments.isEmpty }
        // The cluster does not answer: what was resolved once need not be again.
        await cluster.clear()
        let second = manager()
        let back = try await client(second, resume: ann, bringing: await held(by: ann))
        #expect(await !back.welcome.resumed)
        try await back.until { $0.attachments[before.id]?.state == .noAgent }
        #expect(await second.wantsAgent(WorkloadKey(kind: "Deployment", name: "web", namespace: "default")))
        let agent = try await agent(second)
        try await back.until { $0.attachments[before.id]?.state == .active }
        let after = try #require(await back.attachments[before.id])
        let ids = (former: await ann.id, holder: await back.id, agent: await agent.id)
        #expect(after.environment == ["A": "1"] && after.ports == before.ports && after.sessionID == ids.holder)
        #expect(await back.attachments.count == 1)
        #expect(await back.removed == [])
        #expect(second.permissions.permits(attachment: before.id, session: ids.holder, agent: ids.agent))
        #expect(!second.permissions.permits(attachment: before.id, session: ids.former, agent: ids.agent))
    }

    @Test("An id that is another's, or no id at all, is not taken over, and the owner is told the new one")
    func foreignID() async throws {
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let manager = manager()
        _ = try await agent(manager)
        let ann = try await client(manager)
        var stolen = try #require(try await attach(ann).attachment)
        stolen.ports[0].containerPort = 7070
        let bob = try await client(manager, "bob", bringing: [stolen])
        try await bob.until { $0.removed == ["web"] && $0.attachments.values.contains { $0.state == .active } }
        let own = try #require(await bob.attachments.values.first)
        #expect(own.id != stolen.id && own.owner == "bob@box")
        #expect(await manager.attachmentCount == 2)
    }

    /// What a workstation says that it had held before its manager was restarted.
    private static let brought = Message.Attachment(
        id: "0123456789abcdef",
        spec: AttachmentSpec(name: "web", kind: .intercept, workload: "web", namespace: "default"),
        ports: [ResolvedPort(container: "main", containerPort: 8080, protocol: .tcp)],
        workloadKind: "Deployment"
    )

    @Test("Of two who bring the same port the second is told who has it; who may not attach gets nothing back")
    func restoreRefused() async throws {
        let manager = manager()
        var brought = Self.brought
        let ann = try await client(manager, bringing: [brought])
        try await ann.until { $0.attachments["0123456789abcdef"]?.state == .noAgent }
        brought.id = "fedcba9876543210"
        let bob = try await client(manager, "bob", bringing: [brought])
        try await bob.until { $0.removed == ["web"] }
        #expect(await bob.reasons.last?.contains("already intercepted by ann@box") == true)
        brought.spec.namespace = "closed"
        let eve = try await client(manager, "eve", bringing: [brought])
        try await eve.until { $0.removed == ["web"] }
        #expect(await manager.attachmentCount == 1)
    }

    @Test("Who brings an old id again, because the link broke before he knew the new one, keeps what he has")
    func restoredTwice() async throws {
        let manager = manager()
        let brought = Self.brought
        // The welcome does not arrive: the next hello makes another session, and the first one is its orphan.
        let first = try await client(manager, bringing: [brought])
        try await first.until { !$0.attachments.isEmpty }
        await first.lose()
        let second = try await client(manager, bringing: [brought])
        try await second.until { $0.attachments.values.contains { $0.state == .noAgent } }
        let id = try #require(await second.attachments.keys.first { $0 != brought.id })
        let third = try await client(manager, resume: second, bringing: [brought])
        try await third.until { $0.attachments[id] != nil && $0.removed == ["web"] }
        #expect(await third.reasons.last == "goes on as \(id)")
        #expect(await manager.attachmentCount == 1)
    }

    @Test("A link that is displaced by the next one loses nothing, and its end means nothing")
    func displaced() async throws {
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let manager = manager()
        let agent = try await agent(manager)
        let first = try await client(manager)
        let id = try #require(try await attach(first).attachment?.id)
        let second = try await client(manager, resume: first, bringing: await held(by: first))
        #expect(await second.welcome.resumed)
        try await second.until { $0.attachments[id]?.state == .active }
        await first.lose()
        #expect(await agent.held == [id])
        #expect(await second.removed == [])
        #expect(await manager.attachmentCount == 1)
    }

    @Test("What was asked for on a link that is gone does not come about")
    func abandoned() async throws {
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let manager = manager()
        let first = try await client(manager)
        let spec = AttachmentSpec(name: "web", kind: .intercept, workload: "web")
        // There is no agent yet: it waits.
        await first.say(.attachRequest(AttachRequest(requestID: "r1", spec: spec)))
        try await first.until { $0.phases.contains("resolve") }
        let second = try await client(manager, resume: first)
        let agent = try await agent(manager)
        #expect(try await attach(second, "r1").code == 0)
        #expect(await manager.attachmentCount == 1)
        #expect(await agent.held.count == 1)
    }

    @Test("An administrator ends anybody's attachment, and its owner is told by whom; nobody else may")
    func revoke() async throws {
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let manager = manager()
        let agent = try await agent(manager)
        let ann = try await client(manager)
        _ = try await attach(ann)
        let bob = try await client(manager, "bob")
        let root = try await client(manager, "root")
        let annID = await ann.id
        let order = RevokeRequest(requestID: "x1", session: "ann@box", name: "web")
        await bob.say(.revokeRequest(order))
        #expect(try await bob.result("x1").code == ManagerFailure.Code.forbidden.rawValue)
        await root.say(.revokeRequest(RevokeRequest(requestID: "x0", session: annID, name: "wep")))
        let unknown = try await root.result("x0")
        #expect(unknown.code == ManagerFailure.Code.notFound.rawValue && unknown.message.contains("it has: web"))
        await root.say(.revokeRequest(order))
        #expect(try await root.result("x1").code == 0)
        try await ann.until { $0.removed == ["web"] }
        #expect(await ann.reasons == ["revoked by root@box"])
        try await agent.until { $0.held.isEmpty }
        await root.say(.revokeRequest(RevokeRequest(requestID: "x2", session: "nobody@box", name: "web")))
        #expect(try await root.result("x2").code == ManagerFailure.Code.notFound.rawValue)
    }

    @Test(
        "What is revoked while its owner is away is not held again when he comes back, and he is told; nor before that is noticed",
        arguments: [true, false]
    )
    func revokedAway(isNoticed: Bool) async throws {
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let manager = manager()
        _ = try await agent(manager)
        let ann = try await client(manager)
        _ = try await attach(ann)
        try await ann.until { !$0.attachments.isEmpty }
        let former = await held(by: ann)
        if isNoticed { await ann.lose() }
        let root = try await client(manager, "root")
        await root.say(.revokeRequest(RevokeRequest(requestID: "x", session: "ann@box", name: "web")))
        #expect(try await root.result("x").code == 0)
        let back = try await client(manager, resume: ann, bringing: former)
        try await back.until { $0.removed == ["web"] }
        #expect(await back.reasons == ["revoked by root@box"])
        #expect(await manager.attachmentCount == 0)
    }

    @Test("One's own orphan makes way, another's does not")
    func takeover() async throws {
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let manager = manager()
        _ = try await agent(manager)
        let lost = try await client(manager)
        _ = try await attach(lost)
        let second = try await client(manager)
        // The first is linked: it may be in use.
        #expect(try await attach(second, "r1").code == ManagerFailure.Code.conflict.rawValue)
        await lost.lose()
        let bob = try await client(manager, "bob")
        #expect(try await attach(bob, "r1").code == ManagerFailure.Code.conflict.rawValue)
        #expect(try await attach(second, "r2").code == 0)
        #expect(await manager.attachmentCount == 1)
        let back = try await client(manager, resume: lost)
        try await back.until { $0.removed == ["web"] }
        #expect(await back.reasons == ["taken over by another session of ann@box"])
    }

    @Test("Who is there but does nothing makes way, and is told; whoever uses his workstation does not")
    func inactive() async throws {
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let manager = manager(inactivity: .zero)
        _ = try await agent(manager)
        let ann = try await client(manager)
        _ = try await attach(ann)
        let bob = try await client(manager, "bob")
        #expect(try await attach(bob).code == 0)
        try await ann.until { $0.removed == ["web"] }
        #expect(await ann.reasons.last?.contains("taken over by bob@box") == true)
        let strict = self.manager()
        _ = try await agent(strict)
        let eve = try await client(strict, "eve")
        _ = try await attach(eve)
        let late = try await client(strict, "bob")
        #expect(try await attach(late).code == ManagerFailure.Code.conflict.rawValue)
    }

    @Test("All replicas gone and back: the holder sees it wait, and be active again, without doing anything")
    func scaledToNothing() async throws {
        await cluster.add("web", pods: ["p1", "p2"], hasAgent: true)
        let manager = manager()
        let agents = [try await agent(manager), try await agent(manager, pod: "p2")]
        let ann = try await client(manager)
        let id = try #require(try await attach(ann).attachment?.id)
        await agents[0].lose()
        #expect(await ann.attachments[id]?.state != .noAgent)
        await agents[1].lose()
        try await ann.until { $0.attachments[id]?.state == .noAgent }
        await manager.expire()
        let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
        #expect(await manager.wantsAgent(key))
        let next = try await agent(manager, pod: "p3")
        try await ann.until { $0.attachments[id]?.state == .active }
        #expect(await next.held == [id])
        #expect(await ann.attachments[id]?.podName == "p3")
        #expect(await manager.figures.agents == 1)
    }

    @Test("A receiver whose news would take too much memory is cut off and counted; it comes back by itself")
    func heavy() async throws {
        let manager = manager()
        let info = ClusterInfo(namespaces: (0..<30_000).map { "namespace-\($0)" })
        let slow = try await manager.join(
            Hello(kind: .client, client: ClientHello(user: "slow", host: "box", namespace: "default")),
            as: .unproven
        )
        let quick = try await client(manager, "quick")
        for number in 0..<6 {
            var next = info
            next.clusterDomain = "d\(number)"
            await cluster.set(next)
            await manager.refreshClusterInfo()
            try await quick.until { $0.domain == "d\(number)" }
        }
        #expect(await manager.figures.cutOff == 1)
        await withCheckedContinuation { over in slow.end.whenOver { over.resume() } }
    }
}
