import Actor
import Message
import TestSupport
import Testing

@Suite("The agent's routes")
struct AgentRoutesTests {
    private let http = AgentRoutes.Port(number: 8080, transport: .tcp)
    private let dns = AgentRoutes.Port(number: 53, transport: .udp)

    private func change(
        _ id: String,
        _ ports: [(UInt16, PortProtocol)] = [(8080, .tcp)],
        state: AttachmentState = .waiting,
        removed: Bool = false,
        kind: AttachmentKind = .intercept
    ) -> AttachmentChange {
        var attachment = Attachment()
        attachment.spec.kind = kind
        attachment.id = id
        attachment.sessionID = "session-of-\(id)"
        attachment.state = state
        attachment.ports = ports.map { number, transport in
            var port = ResolvedPort()
            port.containerPort = number
            port.protocol = transport
            port.localAddress = "127.0.0.1"
            port.localPort = 9000
            return port
        }
        var change = AttachmentChange()
        change.attachment = attachment
        change.removed = removed
        return change
    }

    private func reported(_ change: AgentRoutes.OnChange) -> AttachmentState? {
        guard case .report(let report) = change else { return nil }
        return report.state
    }

    @Test("a new attachment takes its ports, and its removal gives them back")
    func takesAndReturns() {
        var routes = AgentRoutes(ports: [http, dns])
        #expect(routes.route(http) == .app)
        let outcome1 = reported(routes.apply(change("a")))
        #expect(outcome1 == .active)
        guard case .workstation(let target) = routes.route(http) else {
            Issue.record("the port is not taken")
            return
        }
        #expect(target.sessionID == "session-of-a")
        #expect(target.port == 9000)
        #expect(routes.route(dns) == .app)
        let outcome2 = routes.apply(change("a", removed: true))
        #expect(outcome2 == .none)
        #expect(routes.route(http) == .app)
    }

    @Test("an attachment without ports is confirmed, lets its session in, and takes nothing")
    func portless() {
        var routes = AgentRoutes(ports: [http])
        #expect(reported(routes.apply(change("a", []))) == .active)
        #expect(routes.route(http) == .app)
        #expect(routes.sessions == ["session-of-a"])
        #expect(!routes.isHolding)
        #expect(reported(routes.apply(change("b"))) == .active)
        #expect(routes.isHolding)
    }

    @Test("wiretaps get copies beside whoever holds the port, in the order of their age, until they go")
    func taps() {
        var routes = AgentRoutes(ports: [http, dns])
        #expect(routes.taps(http) == [])
        for id in ["t1", "a", "t2"] {
            let outcome = reported(routes.apply(change(id, kind: id == "a" ? .intercept : .wiretap)))
            #expect(outcome == .active)
        }
        #expect(routes.taps(http).map(\.attachmentID) == ["t1", "t2"])
        #expect(routes.taps(dns) == [])
        guard case .workstation(let target) = routes.route(http) else {
            Issue.record("the port is not taken")
            return
        }
        #expect(target.attachmentID == "a")
        _ = routes.apply(change("a", removed: true))
        #expect(routes.route(http) == .app)
        _ = routes.apply(change("t1", removed: true))
        #expect(routes.taps(http).map(\.attachmentID) == ["t2"])
        #expect(reported(routes.apply(change("t3", [(9, .tcp)], kind: .wiretap))) == .error)
        routes.managerLost()
        #expect(routes.taps(http) == [])
    }

    @Test("while the workstation is away its attachment waits, and the app serves")
    func waitsWhileAway() {
        var routes = AgentRoutes(ports: [http])
        _ = routes.apply(change("a"))
        _ = routes.apply(change("a", state: .active))
        let outcome3 = routes.apply(change("a", state: .waiting))
        #expect(outcome3 == .none)
        #expect(routes.route(http) == .app)
        let outcome4 = reported(routes.apply(change("a", state: .active)))
        #expect(outcome4 == .active)
        #expect(routes.route(http) != .app)
    }

    @Test("a second attachment of the same port, and one of a port that is not there, are errors and change nothing")
    func refuses() {
        var routes = AgentRoutes(ports: [http])
        _ = routes.apply(change("a"))
        let outcome5 = reported(routes.apply(change("b")))
        #expect(outcome5 == .error)
        let outcome6 = reported(routes.apply(change("c", [(9999, .tcp)])))
        #expect(outcome6 == .error)
        let outcome7 = reported(routes.apply(change("d", [(8080, .udp)])))
        #expect(outcome7 == .error)
        guard case .workstation(let target) = routes.route(http) else {
            Issue.record("the first attachment has lost its port")
            return
        }
        #expect(target.attachmentID == "a")
        _ = routes.apply(change("b", removed: true))
        #expect(routes.route(http) != .app)
    }

    @Test("a workstation that does not answer is suspect until a probe is answered")
    func suspects() {
        var routes = AgentRoutes(ports: [http])
        _ = routes.apply(change("a"))
        let outcome8 = routes.unanswered("a")
        #expect(outcome8)
        // One probe at a time.
        let outcome9 = routes.unanswered("a")
        #expect(!outcome9)
        #expect(routes.route(http) == .app)
        let outcome10 = routes.probed("a", answered: false)
        #expect(outcome10)
        #expect(routes.route(http) == .app)
        let outcome11 = routes.probed("a", answered: true)
        #expect(!outcome11)
        #expect(routes.route(http) != .app)
        // A late probe of an attachment that has gone meanwhile asks for no other.
        _ = routes.unanswered("a")
        _ = routes.apply(change("a", removed: true))
        let outcome12 = routes.probed("a", answered: false)
        #expect(!outcome12)
    }

    @Test("without a manager everything goes to the app")
    func managerLost() {
        var routes = AgentRoutes(ports: [http, dns])
        _ = routes.apply(change("a", [(8080, .tcp), (53, .udp)]))
        #expect(routes.route(dns) != .app)
        routes.managerLost()
        #expect(routes.route(http) == .app)
        #expect(routes.route(dns) == .app)
        let outcome13 = reported(routes.apply(change("a")))
        #expect(outcome13 == .active)
    }

    @Test("whatever comes in whatever order, a port never has two owners and never a removed one")
    func randomised() {
        var generator = SplitMix64(seed: 42)
        var routes = AgentRoutes(ports: [http, dns])
        var alive: Set<String> = []
        for _ in 0..<5000 {
            let id = ["a", "b", "c"].randomElement(using: &generator) ?? "a"
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let ports: [(UInt16, PortProtocol)] = Bool.random(using: &generator) ? [(8080, .tcp)] : [(53, .udp)]
                if reported(routes.apply(change(id, ports, state: .active))) == .active {
                    alive.insert(id)
                } else {
                    alive.remove(id)
                }
            case 1:
                _ = routes.apply(change(id, removed: true))
                alive.remove(id)
            case 2: _ = routes.unanswered(id)
            default: _ = routes.probed(id, answered: Bool.random(using: &generator))
            }
            for port in [http, dns] {
                if case .workstation(let target) = routes.route(port) { #expect(alive.contains(target.attachmentID)) }
            }
        }
    }
}
