import Actor
import Message
import TestSupport
import Testing

@Suite("The agent's routes with filters")
struct FilteredRoutesTests {
    private let http = AgentRoutes.Port(number: 8080, transport: .tcp)
    private let dns = AgentRoutes.Port(number: 53, transport: .udp)

    private func change(
        _ id: String,
        headers: [String: String] = [:],
        prefix: String = "",
        order: UInt64 = 0,
        port: AgentRoutes.Port? = nil,
        removed: Bool = false
    ) -> AttachmentChange {
        let port = port ?? http
        var spec = AttachmentSpec(kind: .intercept, headers: headers)
        if !prefix.isEmpty { (spec.path, spec.pathMatch) = (prefix, .prefix) }
        let attachment = Attachment(
            id: id,
            sessionID: "session-of-\(id)",
            spec: spec,
            state: .active,
            ports: [ResolvedPort(containerPort: port.number, protocol: port.transport, localPort: 9000)],
            order: order
        )
        return AttachmentChange(attachment: attachment, removed: removed)
    }

    private func refusal(_ outcome: AgentRoutes.OnChange) -> String? {
        guard case .report(let report) = outcome, report.state == .error else { return nil }
        return report.message
    }

    private func names(_ routes: AgentRoutes) -> [String] { routes.candidates(http).map(\.target.attachmentID) }

    @Test("several share a port, and are asked by headers, then by age")
    func order() {
        var routes = AgentRoutes(ports: [http, dns])
        _ = routes.apply(change("path", prefix: "/x", order: 1))
        _ = routes.apply(change("young", headers: ["a": "2"], order: 4))
        _ = routes.apply(change("old", headers: ["b": "1"], order: 2))
        _ = routes.apply(change("two", headers: ["a": "1", "b": "1"], order: 3))
        #expect(routes.route(http) == .filtered)
        #expect(routes.route(dns) == .app)
        #expect(names(routes) == ["two", "old", "young", "path"])
        // Told once more, each keeps its place.
        _ = routes.apply(change("old", headers: ["b": "1"], order: 2))
        #expect(names(routes) == ["two", "old", "young", "path"])
        for id in ["two", "old", "young"] { _ = routes.apply(change(id, removed: true)) }
        #expect(names(routes) == ["path"])
        _ = routes.apply(change("path", removed: true))
        #expect(routes.route(http) == .app)
        #expect(routes.candidates(http).isEmpty)
    }

    @Test("a port is held by one without a filter or by those with, never by both")
    func exclusive() {
        var routes = AgentRoutes(ports: [http, dns])
        _ = routes.apply(change("global"))
        let behind = routes.apply(change("filtered", headers: ["a": "1"]))
        #expect(refusal(behind)?.contains("held by attachment global") == true)
        #expect(routes.candidates(http).isEmpty)
        _ = routes.apply(change("global", removed: true))
        _ = routes.apply(change("filtered", headers: ["a": "1"]))
        let beside = routes.apply(change("global"))
        #expect(refusal(beside)?.contains("held by attachment filtered") == true)
        #expect(names(routes) == ["filtered"])
    }

    @Test("a filter that cannot be, and one of a port that carries no HTTP, are refused")
    func refuses() {
        var routes = AgentRoutes(ports: [http, dns])
        let datagrams = routes.apply(change("u", headers: ["a": "1"], port: dns))
        #expect(refusal(datagrams)?.contains("no HTTP") == true)
        let wrong = routes.apply(change("w", headers: ["A": "1"]))
        #expect(refusal(wrong)?.contains("\"A\"") == true)
        #expect(routes.route(http) == .app && routes.route(dns) == .app)
    }

    @Test("a workstation that does not answer is not asked until it does, and its port stays filtered")
    func suspects() {
        var routes = AgentRoutes(ports: [http])
        _ = routes.apply(change("a", headers: ["a": "1"], order: 1))
        _ = routes.apply(change("b", headers: ["a": "2"], order: 2))
        _ = routes.unanswered("a")
        #expect(names(routes) == ["b"])
        _ = routes.unanswered("b")
        #expect(names(routes) == [])
        #expect(routes.route(http) == .filtered)
        _ = routes.probed("a", answered: true)
        #expect(names(routes) == ["a"])
        routes.managerLost()
        #expect(routes.route(http) == .app && names(routes) == [])
    }

    @Test("the generation changes with each answer, and with nothing else")
    func generations() {
        var generator = SplitMix64(seed: 7)
        var routes = AgentRoutes(ports: [http])
        var before = (names(routes), routes.route(http), routes.generation)
        for _ in 0..<2000 {
            let id = ["a", "b", "c"].randomElement(using: &generator) ?? "a"
            switch Int.random(in: 0..<6, using: &generator) {
            case 0, 1: _ = routes.apply(change(id, headers: ["x": id]))
            case 2: _ = routes.apply(change(id, removed: true))
            case 3: _ = routes.unanswered(id)
            case 4: _ = routes.probed(id, answered: Bool.random(using: &generator))
            default: break
            }
            let now = (names(routes), routes.route(http), routes.generation)
            if now.0 != before.0 || now.1 != before.1 { #expect(now.2 != before.2) }
            before = now
        }
        let still = routes.generation
        _ = names(routes)
        _ = routes.apply(change("never", removed: true))
        #expect(routes.generation == still)
    }
}
