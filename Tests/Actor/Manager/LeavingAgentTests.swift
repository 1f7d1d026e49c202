import Actor
import Logging
import Message
import Testing

/// Agents whose pods are being deleted, or are gone without a word.
@Suite(.timeLimit(.minutes(3))) struct LeavingAgentTests {
    private let cluster = MemoryCluster()
    private let manager: TrafficManager

    init() {
        manager = Self.manager(cluster)
    }

    private static func manager(_ cluster: MemoryCluster, silence: Duration = .seconds(600)) -> TrafficManager {
        TrafficManager(
            cluster: cluster,
            judge: OpenJudge(),
            version: "test",
            timeouts: ManagerTimeouts(
                agentArrival: .seconds(30),
                // Whoever waits for an agent that never answers is not done within the suite's limit.
                confirmation: .seconds(600),
                silence: silence,
                propagation: .zero
            ),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func client(_ manager: TrafficManager? = nil) async throws -> Peer {
        let hello = Hello(kind: .client, client: ClientHello(user: "ann", host: "box", namespace: "default"))
        return try await Peer(manager ?? self.manager, hello)
    }

    private func agent(
        _ pod: String,
        uid: String,
        address: String = "10.244.0.9",
        isSilent: Bool = false,
        _ manager: TrafficManager? = nil
    ) async throws -> Peer {
        let hello = AgentHello(
            workloadKind: "Deployment",
            workloadName: "web",
            namespace: "default",
            podName: pod,
            podIP: address,
            containers: [ContainerInfo(name: "main", environment: ["UID": uid])],
            ports: [AgentPort(container: "main", containerPort: 8080, protocol: .tcp)]
        )
        let principal = Principal.agent(namespace: "default", pod: pod, podUID: uid, serviceAccount: "default")
        return try await Peer(
            manager ?? self.manager,
            Hello(kind: .agent, agent: hello),
            as: principal,
            isSilent: isSilent
        )
    }

    private func seen(_ pod: String, _ uid: String, isLeaving: Bool = false) -> SeenPod {
        SeenPod(
            place: SeenPod.Place(namespace: "default", name: pod),
            uid: uid,
            addresses: ["10.244.0.9"],
            isLeaving: isLeaving
        )
    }

    private func intercept(_ id: String) -> ParticipantMessage {
        let spec = AttachmentSpec(
            name: "web",
            kind: .intercept,
            workload: "web",
            ports: [PortSpec(localPort: 9000)]
        )
        return .attachRequest(AttachRequest(requestID: id, spec: spec))
    }

    private func agents() async -> [String] {
        await manager.statusRows(for: nil).sessions.filter { $0.kind == .agent }.map(\.owner).sorted()
    }

    @Test("An attach does not wait for the agent of a pod that is being deleted, which is told nevertheless")
    func terminating() async throws {
        await cluster.add("web", pods: ["p1", "p2"], hasAgent: true)
        let old = try await agent("p1", uid: "u1", isSilent: true)
        _ = try await agent("p2", uid: "u2")
        let client = try await client()
        await client.say(intercept("r1"))
        try await old.until { $0.held.count == 1 }
        #expect(await client.results["r1"] == nil)
        // It goes while somebody waits for it.
        let going = PodFacts(name: "p1", ready: false, terminating: true, hasAgent: true)
        await cluster.setPods("web", [going, PodFacts(name: "p2", ready: true, hasAgent: true)])
        await manager.take(.seen(seen("p1", "u1", isLeaving: true)))
        let attachment = try #require(try await client.result("r1").attachment)
        #expect(attachment.podName == "p2" && attachment.environment == ["UID": "u2"])
        // And when it has been going for a while.
        await client.say(.detachRequest(DetachRequest(requestID: "d1", attachmentID: attachment.id)))
        #expect(try await client.result("d1").code == 0)
        await client.say(intercept("r2"))
        let next = try #require(try await client.result("r2").attachment)
        try await old.until { $0.held == [next.id] }
        #expect(await !old.isOver)
    }

    @Test("An agent ends with its pod though its link is silent, and its link is cut")
    func gone() async throws {
        await cluster.add("web", pods: ["p1", "p2"], hasAgent: true)
        let old = try await agent("p1", uid: "u1", isSilent: true)
        _ = try await agent("p2", uid: "u2")
        let client = try await client()
        await client.say(intercept("r1"))
        try await old.until { $0.held.count == 1 }
        await cluster.setPods("web", [PodFacts(name: "p2", ready: true, hasAgent: true)])
        // The API server is busy at first.
        await cluster.set(nil, at: seen("p1", "u1").place, failures: 2)
        await manager.take(.unseen(seen("p1", "u1")))
        #expect(try await client.result("r1").attachment?.podName == "p2")
        try await old.until { $0.isOver }
        #expect(old.isCut)
        #expect(await agents() == ["p2"])
        #expect(await cluster.questions == 3)
    }

    @Test("The next pod of the same name is not its predecessor", arguments: [true, false])
    func reborn(isListed: Bool) async throws {
        await cluster.add("web", pods: ["db-0"], hasAgent: true)
        let old = try await agent("db-0", uid: "u1", isSilent: true)
        let new = try await agent("db-0", uid: "u2")
        await cluster.set(seen("db-0", "u2"), at: seen("db-0", "u2").place)
        // Late news of the old one; or a gap, after which only the new one is there.
        await manager.take(isListed ? .all([seen("db-0", "u2")], namespace: nil) : .unseen(seen("db-0", "u1")))
        try await old.until { $0.isOver }
        #expect(await !new.isOver)
        #expect(await manager.agent(namespace: "default", pod: "db-0") == new.id)
        let client = try await client()
        await client.say(intercept("r1"))
        let attachment = try #require(try await client.result("r1").attachment)
        #expect(attachment.environment == ["UID": "u2"])
    }

    @Test("A pod that is only watched no longer keeps its agent")
    func unlabelled() async throws {
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let agent = try await agent("p1", uid: "u1")
        await cluster.set(seen("p1", "u1"), at: seen("p1", "u1").place)
        await manager.take(.unseen(seen("p1", "u1")))
        while await cluster.questions < 1 { try await Task.sleep(for: .milliseconds(10)) }
        let client = try await client()
        await client.say(intercept("r1"))
        #expect(try await client.result("r1").attachment?.podName == "p1")
        #expect(await !agent.isOver)
    }

    @Test("Without news, the pod of an agent that does not answer is looked for")
    func silent() async throws {
        let manager = Self.manager(cluster, silence: .milliseconds(100))
        await cluster.add("web", pods: ["p1", "p2"], hasAgent: true)
        let dead = try await agent("p1", uid: "u1", isSilent: true, manager)
        _ = try await agent("p2", uid: "u2", manager)
        await cluster.set(nil, at: seen("p1", "u1").place)
        let client = try await client(manager)
        await client.say(intercept("r1"))
        #expect(try await client.result("r1").attachment?.podName == "p2")
        try await dead.until { $0.isOver }
    }
}
