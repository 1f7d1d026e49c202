import Actor
import Message
import Testing

@Suite struct SessionRegistryTests {
    private let client = Hello(kind: .client, client: ClientHello(user: "ann", host: "box"))
    private let now = ContinuousClock.now
    private let ann = Principal.user(name: "ann", groups: ["dev"])

    private func resume(_ id: String, _ secret: [UInt8], kind: ParticipantKind = .client) -> Hello {
        var hello = client
        hello.kind = kind
        hello.sessionID = id
        hello.secret = secret
        if kind == .agent { hello.agent = AgentHello(workloadName: "w", namespace: "d") }
        return hello
    }

    @Test("A session is resumed by id and secret only")
    func resume() throws {
        var registry = SessionRegistry(retention: .seconds(60))
        let first = try registry.hello(client, as: ann, newID: "a", newSecret: [1, 2])
        #expect(!first.resumed)
        #expect(first.session.owner == "ann@box")
        let back = try registry.hello(resume("a", [1, 2]), as: ann, newID: "b", newSecret: [3])
        #expect(back.resumed && back.displaced && back.session.generation == 2)
        for (id, secret) in [("a", [UInt8]([1, 3])), ("a", []), ("x", [1, 2]), ("a", [1, 2, 3])] {
            var copy = registry
            let other = try copy.hello(resume(id, secret), as: ann, newID: "c", newSecret: [9])
            #expect(!other.resumed && other.session.id == "c")
        }
        let otherKind = try registry.hello(resume("a", [1, 2], kind: .agent), as: ann, newID: "d", newSecret: [4])
        #expect(!otherKind.resumed)
        #expect(registry.proves("a", secret: [1, 2]))
        #expect(!registry.proves("a", secret: [1]))
    }

    @Test("Another user does not get a session, though the secret be known; changed groups do not matter")
    func principal() throws {
        var registry = SessionRegistry(retention: .seconds(60))
        _ = try registry.hello(client, as: ann, newID: "a", newSecret: [1])
        for other in [
            Principal.user(name: "bob", groups: ["dev"]), .unproven,
            .agent(namespace: "d", pod: "p", podUID: "u", serviceAccount: "default"),
        ] {
            var copy = registry
            #expect(try !copy.hello(resume("a", [1]), as: other, newID: "b", newSecret: [2]).resumed)
        }
        let moved = Principal.user(name: "ann", groups: ["ops"])
        #expect(try registry.hello(resume("a", [1]), as: moved, newID: "b", newSecret: [2]).resumed)
        #expect(registry["a"]?.principal == moved)
    }

    @Test("An older link's end does not touch the session; the present one's starts its time")
    func generations() throws {
        var registry = SessionRegistry(retention: .seconds(60))
        _ = try registry.hello(client, as: ann, newID: "a", newSecret: [1])
        _ = try registry.hello(resume("a", [1]), as: ann, newID: "b", newSecret: [2])
        let old = registry.linkLost("a", generation: 1, now: now)
        #expect(!old)
        #expect(registry["a"]?.isLinked == true)
        let present = registry.linkLost("a", generation: 2, now: now)
        #expect(present)
        #expect(registry.expired(now: now.advanced(by: .seconds(59))) == [])
        #expect(registry.expired(now: now.advanced(by: .seconds(60))) == ["a"])
        _ = try registry.hello(resume("a", [1]), as: ann, newID: "c", newSecret: [3])
        #expect(registry.expired(now: now.advanced(by: .seconds(600))) == [])
    }

    @Test("A hello that does not say who it is is refused")
    func incomplete() {
        var registry = SessionRegistry(retention: .seconds(60))
        for hello in [
            Hello(), Hello(kind: .client), Hello(kind: .agent), Hello(kind: .client, client: ClientHello(user: "a")),
        ] {
            #expect(throws: ManagerFailure.self) { try registry.hello(hello, as: ann, newID: "a", newSecret: [1]) }
        }
        #expect(registry.all.isEmpty)
    }
}
