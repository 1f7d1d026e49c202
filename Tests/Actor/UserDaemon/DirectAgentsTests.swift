import Message
import Testing

@testable import Actor

@Suite struct DirectAgentsTests {
    private static let one = AgentPod(namespace: "default", name: "web-1", port: 9850)
    private static let two = AgentPod(namespace: "default", name: "web-2", port: 9850)
    private let start = ContinuousClock.now

    private func attachment(_ pods: [AgentPod], state: AttachmentState = .active) -> Message.Attachment {
        Message.Attachment(
            id: "a",
            spec: AttachmentSpec(name: "web", namespace: "default"),
            state: state,
            agents: pods.map { AgentPlace(podName: $0.name, linkPort: $0.port) }
        )
    }

    /// The attempts that are begun, by pod; nil when anything else is to be done.
    private func dials(_ actions: [DirectAgents.Action]) -> [AgentPod: UInt64]? {
        var found: [AgentPod: UInt64] = [:]
        for action in actions {
            guard case .dial(let pod, let attempt, .zero) = action else { return nil }
            found[pod] = attempt
        }
        return found
    }

    @Test("agents are dialled once there is a session, and left when nobody wants them")
    func wanted() throws {
        var agents = DirectAgents()
        #expect(agents.serve([attachment([Self.one])]) == [])
        let atFirst = agents.use(session: "s")
        let first = try #require(dials(atFirst)?[Self.one])
        let then = agents.serve([attachment([Self.one, Self.two])])
        let second = try #require(dials(then)?[Self.two])
        #expect(agents.opened(Self.one, attempt: first, now: start) == true)
        #expect(agents.serve([attachment([Self.one])]) == [.leave(Self.two, attempt: second)])
        // It came too late.
        #expect(agents.opened(Self.two, attempt: second, now: start) == false)
        #expect(agents.serve([]) == [.leave(Self.one, attempt: first)])
    }

    @Test("an attempt that fails is followed by others, ever later; a link that stood well by one that comes soon")
    func backoff() throws {
        var agents = DirectAgents()
        _ = agents.use(session: "s")
        let begun = agents.serve([attachment([Self.one])])
        var attempt = try #require(dials(begun)?[Self.one])
        var waits: [Duration] = []
        for _ in 0..<10 {
            let next = agents.failed(Self.one, attempt: attempt, reason: "no", now: start, chance: 0.5)
            guard case .dial(Self.one, let number, let wait)? = next else {
                Issue.record("\(String(describing: next))")
                return
            }
            // The news of a former attempt changes nothing.
            #expect(agents.failed(Self.one, attempt: attempt, reason: "late", now: start, chance: 0.5) == nil)
            #expect(agents.opened(Self.one, attempt: attempt, now: start) == false)
            attempt = number
            waits.append(wait)
        }
        #expect(waits.first == DirectAgents.firstWait && waits.last == DirectAgents.longestWait)
        #expect(waits == waits.sorted())
        #expect(agents.opened(Self.one, attempt: attempt, now: start) == true)
        let short = start + .seconds(1)
        let soon = agents.failed(Self.one, attempt: attempt, reason: "cut", now: short, chance: 0.5)
        guard case .dial(_, let again, DirectAgents.longestWait)? = soon else {
            Issue.record("a link that did not stand long is no good sign")
            return
        }
        #expect(agents.opened(Self.one, attempt: again, now: short) == true)
        let later = short + DirectAgents.goodTime
        let next = agents.failed(Self.one, attempt: again, reason: "cut", now: later, chance: 0.5)
        guard case .dial(_, _, DirectAgents.firstWait)? = next else {
            Issue.record("\(String(describing: next))")
            return
        }
    }

    @Test("links outlive the session's own as long as it is taken up again; another session's are left")
    func sessions() throws {
        var agents = DirectAgents()
        _ = agents.use(session: "s")
        let asked = agents.serve([attachment([Self.one, Self.two])])
        let begun = try #require(dials(asked))
        let (first, second) = (try #require(begun[Self.one]), try #require(begun[Self.two]))
        #expect(agents.opened(Self.one, attempt: first, now: start) == true)
        #expect(agents.use(session: nil) == [])
        #expect(agents.failed(Self.two, attempt: second, reason: "no", now: start, chance: 0.5) == nil)
        // Only the one that has no link is dialled, and at once.
        let resumed = agents.use(session: "s")
        let again = try #require(dials(resumed))
        #expect(Set(again.keys) == [Self.two])
        #expect(agents.ways([attachment([Self.one])]).map(\.way) == ["direct"])
        let other = agents.use(session: "t")
        #expect(other.contains(.leave(Self.one, attempt: first)))
        #expect(agents.ways([attachment([Self.one])]).map(\.way) == ["manager"])
        #expect(other.count { if case .dial = $0 { true } else { false } } == 2)
    }

    @Test("it says which way an attachment's traffic takes, and why not the direct one")
    func ways() throws {
        var agents = DirectAgents()
        _ = agents.use(session: "s")
        let both = attachment([Self.one, Self.two])
        let asked = agents.serve([both])
        let begun = try #require(dials(asked))
        let first = try #require(begun[Self.one])
        #expect(agents.ways([both]).map(\.way) == ["manager"])
        #expect(agents.opened(Self.one, attempt: first, now: start) == true)
        let second = try #require(begun[Self.two])
        _ = agents.failed(Self.two, attempt: second, reason: "not allowed", now: start, chance: 0)
        #expect(agents.ways([both]) == [AttachmentWay(attachmentID: "a", way: "mixed", reason: "web-2: not allowed")])
        let none = agents.ways([attachment([])])
        #expect(none == [AttachmentWay(attachmentID: "a", way: "manager", reason: "no agent takes direct links")])
        let gone = agents.ways([attachment([], state: .noAgent)])
        #expect(gone.first?.reason == "no agent serves the attachment now")
    }
}
