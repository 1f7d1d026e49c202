import Actor
import Logging
import Message
import Testing

@Suite(.timeLimit(.minutes(3))) struct TrafficManagerTests {
    private let cluster = MemoryCluster()

    private func manager(
        arrival: Duration = .seconds(20),
        retention: Duration = .seconds(60),
        excluding excluded: Set<String> = []
    ) -> TrafficManager {
        TrafficManager(
            cluster: cluster,
            judge: OpenJudge(),
            version: "test",
            timeouts: ManagerTimeouts(
                agentArrival: arrival,
                confirmation: .seconds(10),
                propagation: .zero,
                retention: retention
            ),
            excludedVariables: excluded,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func client(_ manager: TrafficManager, _ user: String = "ann", resume: Peer? = nil) async throws -> Peer {
        var hello = Hello(kind: .client, client: ClientHello(user: user, host: "box", namespace: "default"))
        if let welcome = await resume?.welcome {
            hello.sessionID = welcome.sessionID
            hello.secret = welcome.secret
        }
        return try await Peer(manager, hello)
    }

    private func agent(_ manager: TrafficManager, _ workload: String, pod: String) async throws -> Peer {
        try await Peer(
            manager,
            Hello(
                kind: .agent,
                agent: AgentHello(
                    workloadKind: "Deployment",
                    workloadName: workload,
                    namespace: "default",
                    podName: pod,
                    podIP: "10.244.0.9",
                    containers: [ContainerInfo(name: "main", environment: ["A": "1"])],
                    ports: [AgentPort(container: "main", containerPort: 8080, protocol: .tcp)]
                )
            )
        )
    }

    /// Makes pods as the webhook would, whenever one is evicted: `p1` becomes `p1+`.
    private func makePods(_ manager: TrafficManager) async {
        await cluster.set(onReplace: { cluster, pod in
            Task {
                let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
                let replaced = await manager.replacedContainers(of: key)
                let name = pod + "+"
                var hello = AgentHello(
                    workloadKind: "Deployment",
                    workloadName: "web",
                    namespace: "default",
                    podName: name,
                    containers: [ContainerInfo(name: "main", environment: ["A": "1"])],
                    ports: [AgentPort(container: "main", containerPort: 8080, protocol: .tcp)]
                )
                hello.replacedContainers = replaced.sorted()
                _ = try await Peer(manager, Hello(kind: .agent, agent: hello))
                await cluster.replace(pod, by: PodFacts(name: name, ready: true, hasAgent: true, replaced: replaced))
            }
        })
    }

    private func replacement(_ id: String, name: String = "web", portless: Bool = false) -> ParticipantMessage {
        let spec = AttachmentSpec(name: name, kind: .replace, workload: "web", portless: portless)
        return .attachRequest(AttachRequest(requestID: id, spec: spec))
    }

    @Test("A replaced container runs in no pod until its replacement is left, and its ports come to the workstation")
    func replace() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"])
        await makePods(manager)
        let client = try await client(manager)
        await client.say(replacement("r1"))
        let attachment = try #require(try await client.result("r1").attachment)
        #expect(attachment.state == .active && attachment.spec.container == "main")
        #expect(attachment.ports.map(\.containerPort) == [8080] && attachment.ports.map(\.localPort) == [8080])
        let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
        #expect(await cluster.pods[key]?.map(\.replaced) == [["main"]])
        // Others of that container are refused, by whatever kind that takes traffic.
        let other = try await self.client(manager, "bob")
        await other.say(request("r2"))
        #expect(
            try await other.result("r2").message.contains(
                "container main of deployment web.default is already replaced"
            )
        )
        await client.say(.detachRequest(DetachRequest(requestID: "d1", attachmentID: attachment.id)))
        #expect(try await client.result("d1").code == 0)
        #expect(await cluster.pods[key]?.map(\.replaced) == [[]])
        #expect(await manager.attachmentCount == 0)
        #expect(await cluster.replaced == ["p1", "p1+"])
    }

    @Test("When the workstation departs the container comes back, and without ports nothing is taken over")
    func replaceEndsWithSession() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"])
        await makePods(manager)
        let client = try await client(manager)
        await client.say(replacement("r1", portless: true))
        #expect(try await client.result("r1").attachment?.ports == [])
        await client.say(.depart(Depart(reason: "quit")))
        let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
        while await cluster.pods[key]?.map(\.name) != ["p1++"] { try await Task.sleep(for: .milliseconds(10)) }
        #expect(await cluster.pods[key]?.map(\.replaced) == [[]])
    }

    @Test("A manager that has begun anew puts back what nobody says is replaced any more")
    func mendsReplaced() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p0"])
        await makePods(manager)
        await cluster.setPods("web", [PodFacts(name: "p1", ready: true, hasAgent: true, replaced: ["main"])])
        var hello = AgentHello(workloadKind: "Deployment", workloadName: "web", namespace: "default", podName: "p1")
        hello.replacedContainers = ["main"]
        let agent = try await Peer(manager, Hello(kind: .agent, agent: hello))
        await manager.mendReplacedPods(after: .seconds(3600))
        #expect(await cluster.steps == [])
        await manager.mendReplacedPods(after: .zero)
        let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
        while await cluster.pods[key]?.map(\.name) != ["p1+"] { try await Task.sleep(for: .milliseconds(10)) }
        #expect(await cluster.pods[key]?.map(\.replaced) == [[]])
        await agent.lose()
        await manager.mendReplacedPods(after: .zero)
        #expect(await cluster.replaced == ["p1"])
    }

    private func request(_ id: String, _ workload: String = "web", port: String = "") -> ParticipantMessage {
        let ports = port.isEmpty ? [] : [PortSpec(remote: port, localPort: 9999)]
        let spec = AttachmentSpec(name: workload, kind: .intercept, workload: workload, ports: ports)
        return .attachRequest(AttachRequest(requestID: id, spec: spec))
    }

    @Test("A workload with an agent is attached without replacing anything")
    func agentPresent() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let agent = try await agent(manager, "web", pod: "p1")
        let client = try await client(manager)
        #expect(await client.welcome.cluster?.clusterDomain == "cluster.local")
        await client.say(request("r1", port: "http"))
        let result = try await client.result("r1")
        #expect(result.code == 0)
        let attachment = try #require(result.attachment)
        #expect(attachment.state == .active && attachment.podName == "p1" && attachment.environment == ["A": "1"])
        #expect(attachment.ports.first?.localPort == 9999)
        #expect(attachment.owner == "ann@box" && attachment.workloadKind == "Deployment")
        #expect(await cluster.replaced == [])
        let ids = (await client.id, await agent.id)
        #expect(manager.permissions.permits(attachment: attachment.id, session: ids.0, agent: ids.1))
        #expect(!manager.permissions.permits(attachment: attachment.id, session: "x", agent: ids.1))
        #expect(!manager.permissions.permits(attachment: attachment.id, session: ids.0, agent: ids.0))
        let list = try await manager.workloads(ListWorkloadsRequest(sessionID: ids.0))
        #expect(list.map(\.agentState) == ["intercepted"])
    }

    @Test("Anybody ingests beside an intercept, and gets the environment but for what the administrator excludes")
    func ingest() async throws {
        let manager = manager(excluding: ["SECRET"])
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        var hello = AgentHello(
            workloadKind: "Deployment",
            workloadName: "web",
            namespace: "default",
            podName: "p1",
            containers: [ContainerInfo(name: "main", environment: ["A": "1", "SECRET": "x"])]
        )
        hello.ports = [AgentPort(container: "main", containerPort: 8080, protocol: .tcp)]
        let agent = try await Peer(manager, Hello(kind: .agent, agent: hello))
        let (ann, bob) = (try await client(manager), try await client(manager, "bob"))
        await ann.say(request("r1"))
        #expect(try await ann.result("r1").code == 0)
        let spec = AttachmentSpec(name: "web/main", kind: .ingest, workload: "web", container: "main")
        for (number, person) in [ann, bob].enumerated() {
            await person.say(.attachRequest(AttachRequest(requestID: "i\(number)", spec: spec)))
            let attachment = try #require(try await person.result("i\(number)").attachment)
            #expect(attachment.state == .active && attachment.ports == [] && attachment.spec.container == "main")
            #expect(attachment.environment == ["A": "1"])
        }
        try await agent.until { $0.held.count == 3 }
        let missing = AttachmentSpec(name: "w", kind: .ingest, workload: "web", container: "nope")
        await bob.say(.attachRequest(AttachRequest(requestID: "i9", spec: missing)))
        #expect(try await bob.result("i9").message == "deployment web.default has no container nope; it has: main")
        let list = try await manager.workloads(ListWorkloadsRequest(sessionID: await bob.id))
        #expect(list.first?.attachments.count == 3)
    }

    @Test("Pods without an agent are replaced one by one, and the user is told")
    func injection() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["old1", "old2"])
        await cluster.set(
            onReplace: { cluster, pod in
                let new = pod.replacing("old", with: "new")
                Task {
                    let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
                    #expect(await manager.wantsAgent(key))
                    _ = try await self.agent(manager, "web", pod: new)
                    await cluster.replace(pod, by: PodFacts(name: new, ready: true, hasAgent: true))
                }
            },
            refusals: 2
        )
        let client = try await client(manager)
        await client.say(request("r1"))
        #expect(try await client.result("r1").code == 0)
        #expect(await cluster.replaced == ["old2", "old1"])
        let phases = await client.phases
        #expect(phases.first == "resolve" && phases.contains("budget") && phases.contains("evict"))
    }

    @Test("With a surge the successor serves first, and the user is told")
    func surge() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["old1", "old2"], manner: .surge(1))
        await cluster.set(onReplace: { cluster, pod in
            let new = pod.replacing("old", with: "new")
            Task {
                _ = try await self.agent(manager, "web", pod: new)
                await cluster.append(PodFacts(name: new, ready: true, hasAgent: true), to: "web")
            }
        })
        let client = try await client(manager)
        await client.say(request("r1"))
        #expect(try await client.result("r1").code == 0)
        #expect(await cluster.steps == [.release("old1"), .retire("old1"), .release("old2"), .retire("old2")])
        #expect(await client.phases.contains("retire"))
        #expect(await cluster.over == [WorkloadKey(kind: "Deployment", name: "web", namespace: "default")])
    }

    @Test("When a step fails for good, the pods that the steps just before have released are given back too")
    func givenBack() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["old1", "old2", "old3"], manner: .surge(2))
        await cluster.set(ManagerFailure(.forbidden, "not allowed"), of: .release("old2"))
        let client = try await client(manager)
        await client.say(request("r1"))
        #expect(try await client.result("r1").message == "not allowed")
        #expect(await cluster.steps.starts(with: [.release("old1"), .restore("old1")]))
        #expect(await cluster.over == [WorkloadKey(kind: "Deployment", name: "web", namespace: "default")])
    }

    @Test("A pod that cannot be given back is let go of, so that it is tidied up later")
    func notGivenBack() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["old"], manner: .surge(1))
        await cluster.set(webhookProblem: "the API server cannot reach the webhook")
        await cluster.set(ManagerFailure(.unavailable, "the API server is away"), of: .restore("old"))
        await cluster.set(onReplace: { cluster, pod in
            await cluster.append(PodFacts(name: "bare", ready: false, hasAgent: false), to: "web")
        })
        let client = try await client(manager)
        await client.say(request("r1"))
        #expect(try await client.result("r1").code == ManagerFailure.Code.precondition.rawValue)
        #expect(await cluster.steps == [.release("old")])
        #expect(await cluster.over == [WorkloadKey(kind: "Deployment", name: "web", namespace: "default")])
    }

    @Test("When a pod comes without agent the user is told why, and all is as before")
    func noAgent() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["old"], manner: .surge(1))
        await cluster.set(webhookProblem: "the API server cannot reach the webhook")
        await cluster.set(onReplace: { cluster, pod in
            await cluster.append(PodFacts(name: "bare", ready: false, hasAgent: false), to: "web")
        })
        let client = try await client(manager)
        await client.say(request("r1"))
        let result = try await client.result("r1")
        #expect(result.code == ManagerFailure.Code.precondition.rawValue)
        #expect(result.message == "pod bare was made without an agent: the API server cannot reach the webhook")
        #expect(await manager.attachmentCount == 0)
        #expect(await cluster.steps.contains(.restore("old")))
        #expect(await !manager.wantsAgent(WorkloadKey(kind: "Deployment", name: "web", namespace: "default")))
    }

    @Test("The injector's own reason is told when it passes a pod over")
    func refused() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["old"], manner: .surge(1))
        await cluster.set(onReplace: { cluster, pod in
            let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
            await manager.injected(key, refusal: "it runs on Windows")
            await cluster.append(PodFacts(name: "bare", ready: false, hasAgent: false), to: "web")
        })
        let client = try await client(manager)
        await client.say(request("r1"))
        #expect(try await client.result("r1").message == "pod bare was made without an agent: it runs on Windows")
    }

    @Test("Agents are removed when asked for, but not under an intercept")
    func removal() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"], hasAgent: true, manner: .surge(1))
        let agent = try await agent(manager, "web", pod: "p1")
        let client = try await client(manager)
        await client.say(request("r1"))
        #expect(try await client.result("r1").code == 0)
        let wish = RemoveAgentsRequest(sessionID: await client.id, workloads: ["web"])
        let held = try await manager.removeAgents(wish)
        #expect(held.removed == [])
        #expect(held.problems == ["deployment/web: it is intercepted by ann@box as web; leave that first"])
        await client.say(.detachRequest(DetachRequest(requestID: "r2", name: "web")))
        #expect(try await client.result("r2").code == 0)
        await cluster.set(onReplace: { cluster, _ in
            await cluster.append(PodFacts(name: "p2", ready: true, hasAgent: false), to: "web")
        })
        let result = try await manager.removeAgents(wish)
        #expect(result == RemoveAgentsResult(removed: ["deployment/web"]))
        #expect(await cluster.steps == [.release("p1"), .retire("p1")])
        #expect(await !manager.wantsAgent(WorkloadKey(kind: "Deployment", name: "web", namespace: "default")))
        await agent.lose()
    }

    @Test("Agents that nobody has used for a while are removed")
    func idle() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"], hasAgent: true, manner: .surge(1))
        await cluster.add("busy", pods: ["b1"], hasAgent: true, manner: .surge(1))
        _ = try await agent(manager, "web", pod: "p1")
        _ = try await agent(manager, "busy", pod: "b1")
        let client = try await client(manager)
        await client.say(request("r1", "busy"))
        #expect(try await client.result("r1").code == 0)
        await manager.removeIdleAgents(after: .seconds(3600))
        #expect(await cluster.steps == [])
        await confirmation { replaced in
            let (done, signal) = AsyncStream.makeStream(of: String.self)
            await cluster.set(onReplace: { cluster, pod in
                await cluster.append(PodFacts(name: "p2", ready: true, hasAgent: false), to: "web")
                signal.yield(pod)
            })
            await manager.removeIdleAgents(after: .zero)
            for await pod in done {
                #expect(pod == "p1")
                replaced()
                break
            }
        }
    }

    @Test(
        "What is wrong is said plainly",
        arguments: [
            (
                "nope", "", ManagerFailure.Code.notFound,
                "no workload nope in namespace default; there are: deployment/web"
            ),
            ("web", "81", .notFound, "deployment web.default has no port 81; it has: 80 (http)"),
        ]
    )
    func wrong(workload: String, port: String, code: ManagerFailure.Code, message: String) async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"])
        let client = try await client(manager)
        await client.say(request("r", workload, port: port))
        let result = try await client.result("r")
        #expect(result.code == code.rawValue)
        #expect(result.message == message)
        #expect(await cluster.replaced == [])
    }

    @Test("An intercept is there only when the workstation can be reached")
    func unreachable() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let agent = try await agent(manager, "web", pod: "p1")
        let client = try await client(manager)
        await manager.reverseLink(of: client.id, isUp: false, sequence: 3)
        await client.say(request("r1"))
        try await agent.until { $0.held.count == 1 }
        // Late news are no news.
        await manager.reverseLink(of: client.id, isUp: true, sequence: 2)
        #expect(await client.results["r1"] == nil)
        await manager.reverseLink(of: client.id, isUp: true, sequence: 4)
        #expect(try await client.result("r1").code == 0)
    }

    @Test("Two people cannot have one port; after leave the other can")
    func conflict() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let agent = try await agent(manager, "web", pod: "p1")
        let ann = try await client(manager)
        let bob = try await client(manager, "bob")
        await ann.say(request("r1"))
        #expect(try await ann.result("r1").code == 0)
        await bob.say(request("r1"))
        let refused = try await bob.result("r1")
        #expect(refused.code == ManagerFailure.Code.conflict.rawValue)
        #expect(refused.message.contains("ann@box"))
        await ann.say(.detachRequest(DetachRequest(requestID: "r2", name: "web")))
        #expect(try await ann.result("r2").code == 0)
        try await agent.until { $0.held.isEmpty }
        await bob.say(request("r3"))
        #expect(try await bob.result("r3").code == 0)
    }

    @Test("A workstation that is gone loses its traffic at once, and has it again when it is back")
    func resume() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let agent = try await agent(manager, "web", pod: "p1")
        let first = try await client(manager)
        await first.say(request("r1"))
        #expect(try await first.result("r1").code == 0)
        await first.lose()
        try await agent.until { $0.held.isEmpty }
        let second = try await client(manager, resume: first)
        #expect(await second.welcome.resumed)
        try await agent.until { $0.held.count == 1 }
        try await second.until { $0.attachments.values.contains { $0.state == .active } }
        // The first link's late end means nothing.
        await first.lose()
        #expect(await manager.attachmentCount == 1)
    }

    @Test("A manager that has forgotten everything makes the attachments again")
    func restart() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        _ = try await agent(manager, "web", pod: "p1")
        let spec = AttachmentSpec(name: "web", kind: .intercept, workload: "web", namespace: "default")
        let lost = AttachmentSpec(name: "gone", kind: .intercept, workload: "gone", namespace: "default")
        let hello = Hello(
            kind: .client,
            sessionID: "unknown",
            client: ClientHello(
                user: "ann",
                host: "box",
                namespace: "default",
                attachments: [Message.Attachment(spec: spec), Message.Attachment(id: "l", spec: lost)]
            ),
            secret: [1]
        )
        let client = try await Peer(manager, hello)
        #expect(await !client.welcome.resumed)
        try await client.until { $0.attachments.values.contains { $0.state == .active } && $0.removed == ["gone"] }
    }

    @Test("Departing and expiring end the attachments")
    func departure() async throws {
        let manager = manager(retention: .zero)
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let agent = try await agent(manager, "web", pod: "p1")
        let ann = try await client(manager)
        await ann.say(request("r1"))
        _ = try await ann.result("r1")
        await ann.say(.depart(Depart()))
        try await agent.until { $0.held.isEmpty }
        let bob = try await client(manager, "bob")
        await bob.say(request("r1"))
        #expect(try await bob.result("r1").code == 0)
        await bob.lose()
        #expect(await manager.attachmentCount == 1)
        await manager.expire()
        #expect(await manager.attachmentCount == 0)
        await #expect(throws: ManagerFailure.self) {
            _ = try await manager.workloads(ListWorkloadsRequest(sessionID: bob.id))
        }
    }

    @Test("A receiver that does not read is cut off; the others are not held up")
    func slow() async throws {
        let manager = manager()
        let hello = Hello(kind: .client, client: ClientHello(user: "slow", host: "box", namespace: "default"))
        let slow = try await manager.join(hello, as: .unproven)
        let quick = try await client(manager)
        for sequence in 1...600 {
            await manager.take(.heartbeat(Heartbeat(sequence: UInt64(sequence))), from: slow)
        }
        var count = 0
        for await _ in slow.outbound { count += 1 }
        #expect(count == 512)
        await quick.say(.heartbeat(Heartbeat(sequence: 7)))
        try await quick.until { $0.beats == [7] }
    }

    @Test("a port of a pod is asked of the agent that serves, by him who holds the attachment, and by nobody else")
    func podPort() async throws {
        let manager = manager()
        await cluster.add("web", pods: ["p1"], hasAgent: true)
        let agent = try await agent(manager, "web", pod: "p1")
        let ann = try await client(manager)
        let spec = AttachmentSpec(name: "web", kind: .ingest, workload: "web")
        await ann.say(.attachRequest(AttachRequest(requestID: "a", spec: spec)))
        let attachment = try #require(try await ann.result("a").attachment)
        func ask(
            _ request: String,
            _ peer: Peer,
            _ change: (inout PodPortRequest) -> Void = { _ in }
        ) async throws -> UInt32 {
            var wanted = PodPortRequest(
                requestID: request,
                attachmentID: attachment.id,
                sessionID: "forged",
                ticket: "0123456789abcdef",
                port: 9090,
                protocol: .tcp
            )
            change(&wanted)
            await peer.say(.podPortRequest(wanted))
            return try await peer.result(request).code
        }
        #expect(try await ask("good", ann) == 0)
        try await agent.until { !$0.podPorts.isEmpty }
        let (order, holder) = await (agent.podPorts.first, ann.id)
        #expect(order?.sessionID == holder && order?.port == 9090 && order?.requestID == "")
        let bob = try await client(manager, "bob")
        #expect(try await ask("other", bob) == ManagerFailure.Code.notFound.rawValue)
        #expect(try await ask("short", ann) { $0.ticket = "short" } == ManagerFailure.Code.invalid.rawValue)
        #expect(try await ask("none", ann) { $0.port = 0 } == ManagerFailure.Code.invalid.rawValue)
        #expect(await agent.podPorts.count == 1)
        // What was tried in vain is asked of another agent, as soon as there is one.
        let next = try await self.agent(manager, "web", pod: "p2")
        var tries = 0
        while await next.podPorts.isEmpty {
            tries += 1
            #expect(try await ask("again \(tries)", ann) { $0.attempt = 1 } == 0)
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
