import Kernel
import Testing

@testable import Network

@Suite("Planned routes")
struct RoutePlanTests {
    private func prefixes(_ texts: String...) -> [InternetPrefix] { texts.compactMap { InternetPrefix($0) } }

    @Test("Gateway, resolvers, own networks and what must never be proxied stay")
    func kept() throws {
        let gateway = try #require(InternetAddress("10.0.0.1"))
        let any = try #require(InternetPrefix("0.0.0.0/0"))
        let lan = try #require(InternetPrefix("10.0.0.0/24"))
        let plan = try RoutePlan(
            prefixes("10.0.0.0/8", "10.0.0.0/8", "172.20.0.0/16"),
            neverProxy: prefixes("10.1.2.3", "172.20.0.0/16", "192.168.0.1"),
            nameservers: [try #require(InternetAddress("10.53.0.53")), try #require(InternetAddress("8.8.8.8"))],
            present: [NetworkRoute(to: any, gateway: gateway, link: 2), NetworkRoute(to: lan, link: 2)]
        )
        #expect(plan.routes == prefixes("10.0.0.0/8"))
        #expect(plan.kept == prefixes("10.1.2.3", "10.53.0.53", "10.0.0.1", "10.0.0.0/24"))
        #expect(plan.warnings.count == 1)
    }

    @Test(
        "What would take over the machine is refused",
        arguments: ["0.0.0.0/0", "0.0.0.0/1", "::/0", "127.0.0.0/8", "fe80::/64"]
    )
    func refused(text: String) {
        #expect(throws: RoutePlan.Refusal.self) { try RoutePlan(prefixes(text)) }
    }
}
