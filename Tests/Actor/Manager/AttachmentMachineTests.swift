import Message
import TestSupport
import Testing

@testable import Actor

@Suite struct AttachmentMachineTests {
    private let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")

    private func agent(_ pod: String, workload: String = "web") -> AgentHello {
        AgentHello(
            workloadKind: "Deployment",
            workloadName: workload,
            namespace: "default",
            podName: pod,
            podIP: "10.0.0.1",
            containers: [ContainerInfo(name: "main", environment: ["POD": pod])]
        )
    }

    private func attachment(
        _ id: String,
        session: String,
        owner: String = "ann@box",
        port: UInt16 = 8080
    ) -> Message.Attachment {
        Message.Attachment(
            id: id,
            sessionID: session,
            spec: AttachmentSpec(name: id, kind: .intercept, workload: "web", namespace: "default"),
            ports: [ResolvedPort(container: "main", containerPort: port, protocol: .tcp)],
            owner: owner
        )
    }

    private func report(_ id: String, _ state: AttachmentState = .active, _ message: String = "") -> AgentReport {
        AgentReport(attachmentID: id, state: state, message: message)
    }

    @Test("An attachment is active once its agents say so, and carries the pod's environment")
    func activates() throws {
        var machine = AttachmentMachine()
        #expect(machine.agentJoined("g1", agent("p1")) == [])
        #expect(try machine.add(attachment("a", session: "s"), workload: key) == [])
        let told = machine.engage("a")
        #expect(told.map(\.session) == ["g1"])
        #expect(told.first?.change.attachment.state == .active)
        #expect(!machine.isSettled("a"))
        #expect(machine.agentReported("g1", report("a")) == [])
        #expect(machine.isSettled("a"))
        let now = try #require(machine["a"])
        #expect(now.state == .active && now.podName == "p1" && now.environment == ["POD": "p1"])
        #expect(machine.permission("a") == .init(session: "s", agents: ["g1"]))
    }

    @Test("What agents count of a wiretap is added up, and the holder is told when it changes")
    func tallies() throws {
        var machine = AttachmentMachine()
        for (session, pod) in [("g1", "p1"), ("g2", "p2")] { _ = machine.agentJoined(session, agent(pod)) }
        var tap = attachment("t", session: "s")
        tap.spec.kind = .wiretap
        _ = try machine.add(tap, workload: key)
        _ = machine.engage("t")
        for session in ["g1", "g2"] { _ = machine.agentReported(session, report("t")) }
        machine.announce("t")
        func counted(_ copied: UInt64, _ dropped: UInt64) -> AgentReport {
            AgentReport(attachmentID: "t", state: .active, copied: copied, dropped: dropped)
        }
        #expect(machine.agentReported("g1", counted(3, 1)).map(\.session) == ["s"])
        #expect(machine.agentReported("g1", counted(3, 1)) == [])
        let told = machine.agentReported("g2", counted(4, 2))
        #expect(told.first?.change.attachment.copied == 7 && told.first?.change.attachment.dropped == 3)
        // What an agent has counted is not forgotten with it.
        _ = machine.agentLost("g1")
        _ = machine.agentReported("g2", counted(5, 2))
        #expect(machine["t"]?.copied == 8 && machine["t"]?.dropped == 3)
    }

    @Test("A second intercept of the port is refused, naming who holds it; another port is not")
    func conflict() throws {
        var machine = AttachmentMachine()
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        let text = "port 8080 of deployment web.default is already intercepted by ann@box as a"
        let refusal = #expect(throws: ManagerFailure.self) {
            try machine.add(attachment("b", session: "t", owner: "bob@box"), workload: key)
        }
        #expect(refusal?.code == .conflict && refusal?.message.hasPrefix(text) == true)
        #expect(try machine.add(attachment("c", session: "t", port: 9090), workload: key) == [])
        #expect(throws: ManagerFailure(.conflict, "an attachment called c is there already")) {
            try machine.add(attachment("c", session: "t", port: 1), workload: key)
        }
    }

    @Test("Who is away makes way for the same person only")
    func takeOver() throws {
        var machine = AttachmentMachine()
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        _ = machine.engage("a")
        machine.announce("a")
        _ = machine.holderLost("s")
        #expect(throws: ManagerFailure.self) {
            try machine.add(attachment("b", session: "t", owner: "bob@box"), workload: key)
        }
        var copy = machine
        let orphan = try copy.add(attachment("c", session: "u"), workload: key) { $0 == "s" ? .orphan : .blocks }
        #expect(copy["a"] == nil && copy["c"] != nil)
        #expect(orphan.map(\.session) == ["s"])
        #expect(orphan.first?.change.attachment.message == "taken over by another session of ann@box")
        let idle = try machine.add(attachment("d", session: "t", owner: "bob@box"), workload: key) { _ in .inactive }
        #expect(idle.first?.change.removed == true)
        #expect(
            idle.first?.change.attachment.message
                == "taken over by bob@box, since this workstation was not used for a while"
        )
    }

    @Test("Of two in the way, one that may block keeps both")
    func takeOverNeedsAll() throws {
        var machine = AttachmentMachine()
        _ = try machine.add(attachment("a", session: "s", port: 1), workload: key)
        _ = try machine.add(attachment("b", session: "t", owner: "bob@box", port: 2), workload: key)
        var both = attachment("c", session: "u", port: 1)
        both.ports.append(ResolvedPort(container: "main", containerPort: 2, protocol: .tcp))
        #expect(throws: ManagerFailure.self) {
            try machine.add(both, workload: key) { $0 == "s" ? .inactive : .blocks }
        }
        #expect(machine["a"] != nil && machine["b"] != nil && machine["c"] == nil)
    }

    @Test("What a lost link was still waiting for ends, what it had does not")
    func unannounced() throws {
        var machine = AttachmentMachine()
        _ = machine.agentJoined("g1", agent("p1"))
        _ = try machine.add(attachment("a", session: "s", port: 1), workload: key)
        _ = try machine.add(attachment("b", session: "s", port: 2), workload: key)
        _ = machine.engage("a")
        _ = machine.engage("b")
        machine.announce("a")
        #expect(machine.removeUnannounced(of: "s").map(\.session) == ["g1"])
        #expect(machine.held(by: "s").map(\.id) == ["a"])
        #expect(machine.announced(to: "s").map(\.id) == ["a"])
    }

    @Test("Only what a change concerns is named as changed")
    func changes() throws {
        var machine = AttachmentMachine()
        var changes = AttachmentMachine.Changes()
        let other = WorkloadKey(kind: "Deployment", name: "else", namespace: "default")
        var foreign = attachment("x", session: "t")
        foreign.spec.workload = "else"
        _ = try machine.add(foreign, workload: other)
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        changes = machine.takeChanges()
        #expect(changes == .init(attachments: ["a", "x"], workloads: [key, other]))
        _ = machine.engage("a")
        _ = machine.agentJoined("g1", agent("p1"))
        changes = machine.takeChanges()
        #expect(changes == .init(attachments: ["a"], workloads: []))
        _ = machine.agentJoined("g9", agent("p9", workload: "else"))
        // It is not engaged, so that the agent changes nothing of it.
        changes = machine.takeChanges()
        #expect(changes == .init())
        _ = machine.remove("x")
        changes = machine.takeChanges()
        #expect(changes == .init(attachments: ["x"], workloads: []))
        _ = machine.agentLost("g9")
        changes = machine.takeChanges()
        #expect(changes == .init(attachments: [], workloads: [other]))
        #expect(!machine.isOccupied(other) && machine.isOccupied(key))
    }

    @Test("Replicas: active while one is left, waiting for the next when all are gone; more come in before they serve")
    func replicas() throws {
        var machine = AttachmentMachine()
        for number in 1...3 { _ = machine.agentJoined("g\(number)", agent("p\(number)")) }
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        _ = machine.engage("a")
        machine.announce("a")
        for number in 1...3 { _ = machine.agentReported("g\(number)", report("a")) }
        #expect(machine["a"]?.state == .active)
        #expect(machine.agentLost("g1") == [])
        #expect(machine.agentLost("g2") == [])
        #expect(machine["a"]?.state == .active)
        let rolled = machine.agentJoined("g4", agent("p4"))
        #expect(rolled.map(\.session) == ["g4"])
        _ = machine.agentReported("g4", report("a"))
        #expect(machine.agentLost("g3") == [])
        #expect(machine.permission("a")?.agents == ["g4"])
        #expect(machine.agentLost("g4").map(\.change.attachment.state) == [.noAgent])
        #expect(machine.agentJoined("g5", agent("p5")).first { $0.session == "s" }?.change.attachment.state == .waiting)
        let back = machine.agentReported("g5", report("a"))
        #expect(back.map(\.change.attachment.state) == [.active] && back.map(\.change.attachment.podName) == ["p5"])
    }

    @Test("A holder that is away gets no traffic; back, it gets it again")
    func away() throws {
        var machine = AttachmentMachine()
        _ = machine.agentJoined("g1", agent("p1"))
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        _ = machine.engage("a")
        _ = machine.agentReported("g1", report("a"))
        machine.announce("a")
        let lost = machine.holderLost("s")
        #expect(lost.map(\.session) == ["g1"])
        #expect(lost.first?.change.removed == true)
        #expect(machine.permission("a") == nil)
        #expect(machine["a"]?.state == .waiting)
        // What the agent says late does not count.
        #expect(machine.agentReported("g1", report("a")) == [])
        #expect(machine["a"]?.state == .waiting)
        let back = machine.holderBack("s")
        #expect(back.first { $0.session == "g1" }?.change.removed == false)
        let active = machine.agentReported("g1", report("a"))
        #expect(active.map(\.session) == ["s"])
        #expect(active.first?.change.attachment.state == .active)
    }

    @Test("Agents come and go: noAgent, waiting, active, error")
    func agents() throws {
        var machine = AttachmentMachine()
        _ = machine.agentJoined("g1", agent("p1"))
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        _ = machine.engage("a")
        _ = machine.agentReported("g1", report("a"))
        machine.announce("a")
        #expect(machine.agentJoined("other", agent("p9", workload: "else")) == [])
        let second = machine.agentJoined("g2", agent("p2"))
        #expect(second.map(\.session) == ["g2"])
        #expect(machine["a"]?.state == .active)
        #expect(!machine.isSettled("a"))
        _ = machine.agentLost("g1")
        #expect(machine["a"]?.state == .waiting)
        _ = machine.agentReported("g2", report("a", .error, "no such port"))
        #expect(machine["a"]?.state == .error && machine["a"]?.message == "no such port")
        let gone = machine.agentLost("g2")
        #expect(gone.first?.change.attachment.state == .noAgent)
        let again = machine.agentJoined("g3", agent("p3"))
        #expect(Set(again.map(\.session)) == ["g3", "s"])
        #expect(machine.remove("a").map(\.session) == ["g3", "s"])
        #expect(machine.remove("a") == [])
    }

    /// What an agent holds to be true, from the notices alone, and what ought to be true, from the events alone.
    @Test(
        "Agents of pods that are being deleted serve on; but nobody waits for them, nor chooses them where another is"
    )
    func leaving() throws {
        var machine = AttachmentMachine()
        for (session, pod) in [("g1", "p1"), ("g2", "p2")] { _ = machine.agentJoined(session, agent(pod)) }
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        #expect(machine.engage("a").map(\.session) == ["g1", "g2"])
        machine.announce("a")
        _ = machine.agentReported("g1", report("a"))
        #expect(machine["a"]?.podName == "p1" && machine.volumeServer(of: "a")?.agent == "g1")
        #expect(!machine.isSettled("a") && machine.silent("a") == ["g2"])
        // The one that has not answered goes: the other is enough.
        #expect(machine.agentLeaves("g2") == [])
        #expect(machine.isSettled("a") && machine.silent("a") == [])
        #expect(machine.pods(of: key) == ["p1"] && machine.takeChangedAgents() == [key])
        #expect(machine.permission("a")?.agents == ["g1", "g2"])
        // It answers after all, and serves; but is not turned to.
        _ = machine.agentReported("g2", report("a"))
        #expect(machine["a"]?.podName == "p1" && machine.volumeServer(of: "a", attempt: 1)?.agent == "g1")
        // The other one goes, too: what there is must do.
        _ = machine.agentLeaves("g1")
        #expect(machine.pods(of: key) == [] && machine.isSettled("a") && machine["a"]?.podName == "p1")
        #expect(machine.volumeServer(of: "a", attempt: 1)?.agent == "g2")
        // A successor comes, is told, and is waited for; when it serves, the environment is its own.
        #expect(machine.agentJoined("g3", agent("p3")).map(\.session) == ["g3"])
        #expect(!machine.isSettled("a") && machine["a"]?.state == .active)
        let told = machine.agentReported("g3", report("a"))
        #expect(told.first?.session == "s" && told.first?.change.attachment.environment == ["POD": "p3"])
        #expect(machine.volumeServer(of: "a", attempt: 1)?.agent == "g3" && machine["a"]?.podName == "p3")
        // Those that were going are gone: nothing changes for the holder.
        #expect(machine.agentLost("g1") + machine.agentLost("g2") == [])
        // One that comes back on a new link is as good as new until it is told again.
        _ = machine.agentLeaves("g3")
        _ = machine.agentJoined("g3", agent("p3"))
        #expect(machine.pods(of: key) == ["p3"])
    }

    @Test("When the pod of the environment goes, it becomes that of another that serves")
    func handedOver() throws {
        var machine = AttachmentMachine()
        for (session, pod) in [("g1", "p1"), ("g2", "p2")] { _ = machine.agentJoined(session, agent(pod)) }
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        _ = machine.engage("a")
        machine.announce("a")
        for session in ["g1", "g2"] { _ = machine.agentReported(session, report("a")) }
        #expect(machine["a"]?.podName == "p1")
        let told = machine.agentLeaves("g1")
        #expect(told.map(\.session) == ["s"] && told.first?.change.attachment.environment == ["POD": "p2"])
        // The same again, and one that is not known, change nothing.
        #expect(machine.agentLeaves("g1") == [] && machine.agentLeaves("nobody") == [])
        #expect(machine.agentLeaves("g1", false) == [] && machine["a"]?.podName == "p2")
    }

    @Test("Who refuses on its way out does not decide, and only where nobody stays it is waited for")
    func leavingRefuses() throws {
        var machine = AttachmentMachine()
        _ = machine.agentJoined("g1", agent("p1"))
        _ = machine.agentLeaves("g1")
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        _ = machine.engage("a")
        #expect(!machine.isSettled("a") && machine["a"]?.state == .waiting)
        _ = machine.agentReported("g1", report("a", .error, "ending"))
        #expect(!machine.isSettled("a"))
        _ = machine.agentJoined("g2", agent("p2"))
        #expect(machine["a"]?.state == .waiting)
        _ = machine.agentReported("g2", report("a", .error, "no such port"))
        #expect(machine.isSettled("a") && machine["a"]?.state == .error && machine["a"]?.message == "no such port")
    }

    @Test("In any order of events agents know what is theirs", arguments: 0..<40)
    func model(seed: Int) throws {
        var generator = SplitMix64(seed: UInt64(seed))
        var machine = AttachmentMachine()
        var agentViews: [String: Set<String>] = [:]
        var sessionsLinked: Set<String> = []
        var holders: [String: (session: String, port: UInt16, workload: String)] = [:]
        var rows: [String: RelayPermissions.Row] = [:]
        var next = 0
        func apply(_ notices: [AttachmentMachine.Notice]) {
            for notice in notices where notice.session.hasPrefix("g") {
                guard agentViews[notice.session] != nil else { continue }
                if notice.change.removed {
                    agentViews[notice.session]?.remove(notice.change.attachment.id)
                } else {
                    agentViews[notice.session]?.insert(notice.change.attachment.id)
                }
            }
        }
        for _ in 0..<200 {
            let session = "s\(Int.random(in: 0..<3, using: &generator))"
            let number = Int.random(in: 0..<5, using: &generator)
            let agentName = "g\(number)"
            let home = "w\(number % 2)"
            switch Int.random(in: 0..<8, using: &generator) {
            case 0:
                agentViews[agentName] = []
                apply(machine.agentJoined(agentName, agent("p" + agentName, workload: home)))
            case 1:
                agentViews[agentName] = nil
                apply(machine.agentLost(agentName))
            case 2:
                sessionsLinked.insert(session)
                apply(machine.holderBack(session))
            case 3:
                sessionsLinked.remove(session)
                apply(machine.holderLost(session))
            case 4, 5:
                guard sessionsLinked.contains(session) else { continue }
                let port = UInt16.random(in: 1...3, using: &generator)
                let workload = "w\(Int.random(in: 0..<2, using: &generator))"
                let key = WorkloadKey(kind: "Deployment", name: workload, namespace: "default")
                next += 1
                let id = "a\(next)"
                let blocked = holders.values.contains {
                    $0.workload == workload && $0.port == port && sessionsLinked.contains($0.session)
                }
                let new = attachment(id, session: session, port: port)
                let standing = { (holder: String) -> HolderStanding in
                    sessionsLinked.contains(holder) ? .blocks : .orphan
                }
                if blocked {
                    #expect(throws: ManagerFailure.self) { try machine.add(new, workload: key, standing: standing) }
                } else {
                    apply(try machine.add(new, workload: key, standing: standing))
                    holders = holders.filter { $0.value.port != port || $0.value.workload != workload }
                    holders[id] = (session, port, workload)
                    apply(machine.engage(id))
                }
            case 6:
                guard let id = holders.keys.sorted().randomElement(using: &generator) else { continue }
                holders[id] = nil
                apply(machine.remove(id))
            default:
                guard let id = holders.keys.sorted().randomElement(using: &generator) else { continue }
                apply(
                    machine.agentReported(agentName, report(id, Bool.random(using: &generator) ? .active : .error, "e"))
                )
            }
            let due = holders.filter { sessionsLinked.contains($0.value.session) }
            func isOf(_ agent: String, _ workload: String) -> Bool {
                Int(agent.dropFirst()).map { "w\($0 % 2)" } == workload
            }
            for (name, view) in agentViews {
                #expect(view == Set(due.filter { isOf(name, $0.value.workload) }.keys), "\(name)")
            }
            #expect(Set(machine.attachments.map(\.id)) == Set(holders.keys))
            for session in ["s0", "s1", "s2"] {
                #expect(
                    Set(machine.held(by: session).map(\.id)) == Set(holders.filter { $0.value.session == session }.keys)
                )
            }
            // The table that event loops read follows from the changes alone.
            for id in machine.takeChanges().attachments { rows[id] = machine.permission(id) }
            #expect(Set(rows.keys) == Set(due.keys))
            for (id, row) in rows {
                #expect(row.agents == Set(agentViews.keys.filter { isOf($0, holders[id]?.workload ?? "") }))
            }
        }
    }

    @Test("The holder hears where agents take direct links, of those that serve it only; agents do not")
    func linkPlaces() throws {
        var machine = AttachmentMachine()
        for number in 1...3 {
            var hello = agent("p\(number)")
            // The third takes none.
            hello.linkPort = number < 3 ? 9850 : 0
            _ = machine.agentJoined("g\(number)", hello)
        }
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        let told = machine.engage("a")
        #expect(told.allSatisfy { $0.change.attachment.agents.isEmpty })
        machine.announce("a")
        _ = machine.agentReported("g2", report("a"))
        #expect(machine["a"]?.agents == [AgentPlace(podName: "p2", linkPort: 9850)])
        _ = machine.agentReported("g3", report("a"))
        let notices = machine.agentReported("g1", report("a"))
        #expect(notices.map(\.session) == ["s"])
        #expect(notices.first?.change.attachment.agents.map(\.podName) == ["p1", "p2"])
        let lost = machine.agentLost("g1")
        #expect(lost.first?.change.attachment.agents.map(\.podName) == ["p2"])
        _ = machine.holderLost("s")
        #expect(machine["a"]?.agents == [])
    }

    @Test("Of a workload with very many pods not all agents are named")
    func manyPlaces() throws {
        var machine = AttachmentMachine()
        let count = AttachmentMachine.maximumPlaces + 5
        for number in 0..<count {
            var hello = agent("p\(number)")
            hello.linkPort = 9850
            _ = machine.agentJoined("g\(number)", hello)
        }
        _ = try machine.add(attachment("a", session: "s"), workload: key)
        _ = machine.engage("a")
        for number in 0..<count { _ = machine.agentReported("g\(number)", report("a")) }
        #expect(machine["a"]?.agents.count == AttachmentMachine.maximumPlaces)
    }
}
