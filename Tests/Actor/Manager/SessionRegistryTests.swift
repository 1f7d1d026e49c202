import Actor
import Message
import Testing

@Suite struct SessionRegistryTests {
    private let client = Hello(kind: .client, client: ClientHello(user: "ann", host: "box"))
    private let now = ContinuousClock.now
    private let terms = SessionRegistry.Terms(
        clientRetention: .seconds(60),
        agentRetention: .seconds(15),
        inactivity: .seconds(100)
    )
    private let ann = Principal.user(name: "ann", groups: ["dev"])

    private func resume(_ id: String, _ secret: [UInt8], kind: ParticipantKind = .client) -> Hello {
        var hello = client
        hello.kind = kind
        hello.sessionID = id
        hello.secret = secret
        if kind == .agent {
            hello.client = nil
            hello.agent = AgentHello(workloadName: "w", namespace: "d")
        }
        return hello
    }

    @Test("A session is resumed by id and secret only")
    func resume() throws {
        var registry = SessionRegistry(terms)
        let first = try registry.hello(client, as: ann, newID: "a", newSecret: [1, 2], now: now)
        #expect(!first.resumed)
        #expect(first.session.owner == "ann@box")
        let back = try registry.hello(resume("a", [1, 2]), as: ann, newID: "b", newSecret: [3], now: now)
        #expect(back.resumed && back.displaced && back.session.generation == 2)
        for (id, secret) in [("a", [UInt8]([1, 3])), ("a", []), ("x", [1, 2]), ("a", [1, 2, 3])] {
            var copy = registry
            let other = try copy.hello(resume(id, secret), as: ann, newID: "c", newSecret: [9], now: now)
            #expect(!other.resumed && other.session.id == "c")
        }
        let otherKind = try registry.hello(
            resume("a", [1, 2], kind: .agent),
            as: ann,
            newID: "d",
            newSecret: [4],
            now: now
        )
        #expect(!otherKind.resumed)
    }

    @Test("Another user does not get a session, though the secret be known; changed groups do not matter")
    func principal() throws {
        var registry = SessionRegistry(terms)
        _ = try registry.hello(client, as: ann, newID: "a", newSecret: [1], now: now)
        for other in [
            Principal.user(name: "bob", groups: ["dev"]), .unproven,
            .agent(namespace: "d", pod: "p", podUID: "u", serviceAccount: "default"),
        ] {
            var copy = registry
            #expect(try !copy.hello(resume("a", [1]), as: other, newID: "b", newSecret: [2], now: now).resumed)
        }
        let moved = Principal.user(name: "ann", groups: ["ops"])
        #expect(try registry.hello(resume("a", [1]), as: moved, newID: "b", newSecret: [2], now: now).resumed)
        #expect(registry["a"]?.principal == moved)
    }

    @Test("An older link's end does not touch the session; the present one's starts its time")
    func generations() throws {
        var registry = SessionRegistry(terms)
        var due: [String] = []
        _ = try registry.hello(client, as: ann, newID: "a", newSecret: [1], now: now)
        _ = try registry.hello(resume("a", [1]), as: ann, newID: "b", newSecret: [2], now: now)
        let old = registry.linkLost("a", generation: 1, now: now)
        #expect(!old)
        #expect(registry["a"]?.isLinked == true)
        let present = registry.linkLost("a", generation: 2, now: now)
        #expect(present)
        due = registry.expired(now: now.advanced(by: .seconds(59)))
        #expect(due == [])
        due = registry.expired(now: now.advanced(by: .seconds(60)))
        #expect(due == ["a"])
        _ = try registry.hello(resume("a", [1]), as: ann, newID: "c", newSecret: [3], now: now)
        due = registry.expired(now: now.advanced(by: .seconds(600)))
        #expect(due == [])
    }

    @Test("A hello that does not say who it is is refused")
    func incomplete() {
        var registry = SessionRegistry(terms)
        for hello in [
            Hello(), Hello(kind: .client), Hello(kind: .agent), Hello(kind: .client, client: ClientHello(user: "a")),
        ] {
            #expect(throws: ManagerFailure.self) {
                try registry.hello(hello, as: ann, newID: "a", newSecret: [1], now: now)
            }
        }
        #expect(registry.count == 0)
    }

    @Test(
        "Agents expire sooner than workstations; each session that is due is named, in no matter what order they left"
    )
    func expiry() throws {
        var registry = SessionRegistry(terms)
        let agent = Hello(kind: .agent, agent: AgentHello(workloadName: "w", namespace: "d"))
        for (id, hello) in [("c1", client), ("c2", client), ("a1", agent), ("a2", agent)] {
            _ = try registry.hello(hello, as: ann, newID: id, newSecret: [1], now: now)
        }
        #expect(registry.clients == ["c1", "c2"])
        for (id, second) in [("a1", 0), ("c1", 1), ("a2", 2), ("c2", 3)] {
            let lost1 = registry.linkLost(id, generation: 1, now: now.advanced(by: .seconds(second)))
            #expect(lost1)
        }
        func due(_ second: Int) -> [String] {
            let found = registry.expired(now: now.advanced(by: .seconds(second)))
            return found
        }
        #expect(due(14) == [])
        #expect(due(15) == ["a1"])
        _ = registry.remove("a1")
        #expect(due(20) == ["a2"])
        #expect(due(61) == ["c1"])
        #expect(due(63) == ["c2"])
        #expect(due(1000) == [])
    }

    @Test("Whoever comes back and goes again has his whole time again; a link that flaps costs no memory")
    func flapping() throws {
        var registry = SessionRegistry(terms)
        var due: [String] = []
        _ = try registry.hello(client, as: ann, newID: "b", newSecret: [9], now: now)
        let lost2 = registry.linkLost("b", generation: 1, now: now)
        #expect(lost2)
        _ = try registry.hello(client, as: ann, newID: "a", newSecret: [1], now: now)
        for generation in 1...500 {
            let lost3 = registry.linkLost("a", generation: generation, now: now.advanced(by: .seconds(1)))
            #expect(lost3)
            _ = try registry.hello(resume("a", [1]), as: ann, newID: "x", newSecret: [2], now: now)
        }
        let lost4 = registry.linkLost("a", generation: 501, now: now.advanced(by: .seconds(30)))
        #expect(lost4)
        due = registry.expired(now: now.advanced(by: .seconds(61)))
        #expect(due == ["b"])
        due = registry.expired(now: now.advanced(by: .seconds(89)))
        #expect(due == [])
        due = registry.expired(now: now.advanced(by: .seconds(90)))
        #expect(due == ["a"])
    }

    @Test("Who blocks: the same user's orphan and the unused do not, all others do")
    func standing() throws {
        var registry = SessionRegistry(terms)
        let other = Hello(kind: .client, client: ClientHello(user: "ann", host: "other"))
        let bob = Principal.user(name: "bob", groups: [])
        for (id, hello, principal) in [
            ("old", client, ann), ("new", client, ann), ("elsewhere", other, ann), ("liar", client, bob),
        ] {
            _ = try registry.hello(hello, as: principal, newID: id, newSecret: [1], now: now)
        }
        let soon = now.advanced(by: .seconds(99))
        #expect(registry.standing(of: "old", towards: "new", now: soon) == .blocks)
        let lost5 = registry.linkLost("old", generation: 1, now: now)
        #expect(lost5)
        #expect(registry.standing(of: "old", towards: "new", now: soon) == .orphan)
        #expect(registry.standing(of: "old", towards: "elsewhere", now: soon) == .blocks)
        // The same name on the same host by another user's proof is another one.
        #expect(registry.standing(of: "old", towards: "liar", now: soon) == .blocks)
        let late = now.advanced(by: .seconds(100))
        #expect(registry.standing(of: "liar", towards: "new", now: late) == .inactive)
        registry.used("liar", now: soon)
        #expect(registry.standing(of: "liar", towards: "new", now: late) == .blocks)
        #expect(registry.standing(of: "new", towards: "new", now: late) == .blocks)
    }

    @Test("What others have ended is told to a session that comes back, also when its link still looked alive")
    func ended() throws {
        var registry = SessionRegistry(terms)
        _ = try registry.hello(client, as: ann, newID: "a", newSecret: [1], now: now)
        func change(_ id: String) -> AttachmentChange {
            AttachmentChange(attachment: Message.Attachment(id: id, environment: ["A": "1"]), removed: true)
        }
        registry.ended("a", change("00"))
        registry.ended("a", change("0"))
        registry.ended("nobody", change("0"))
        let lost = registry.linkLost("a", generation: 1, now: now)
        #expect(lost)
        for number in 1...63 { registry.ended("a", change("\(number)")) }
        let back = try registry.hello(resume("a", [1]), as: ann, newID: "b", newSecret: [2], now: now)
        #expect(back.resumed && back.ended.count == 64 && back.ended["00"] == nil)
        #expect(back.untold.count == 63 && !back.untold.contains("0"))
        #expect(back.ended["63"]?.attachment.environment == [:])
        // It may not have heard of it this time either.
        let again = try registry.hello(resume("a", [1]), as: ann, newID: "b", newSecret: [2], now: now)
        #expect(again.ended == back.ended && again.untold == [])
    }

    @Test("Nobody is a workstation and an agent at once: what is proven is one of them")
    func two() throws {
        var registry = SessionRegistry(terms)
        for kind in [ParticipantKind.client, .agent] {
            let hello = Hello(
                kind: kind,
                client: ClientHello(user: "ann", host: "laptop"),
                agent: AgentHello(workloadKind: "Deployment", workloadName: "web", namespace: "prod", podName: "p")
            )
            #expect(throws: ManagerFailure.self) {
                try registry.hello(hello, as: ann, newID: "a", newSecret: [1], now: now)
            }
        }
        #expect(registry.count == 0)
    }

    @Test("A session goes by what it has proven last, and only by what is its own")
    func renewed() throws {
        var registry = SessionRegistry(terms)
        _ = try registry.hello(client, as: ann, newID: "a", newSecret: [1], now: now)
        let fewer = Principal.user(name: "ann", groups: ["others"])
        registry.renewed("a", generation: 2, as: fewer)
        #expect(registry["a"]?.principal == ann)
        registry.renewed("a", generation: 1, as: .user(name: "bob", groups: []))
        #expect(registry["a"]?.principal == ann)
        registry.renewed("a", generation: 1, as: fewer)
        #expect(registry["a"]?.principal == fewer)
    }
}
