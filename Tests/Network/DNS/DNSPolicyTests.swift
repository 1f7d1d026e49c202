import Kernel
import Testing

@testable import Network

@Suite struct DNSPolicyTests {
    private static let policy = DNSPolicy(
        namespace: "default",
        namespaces: ["shop", "dev", "io"],
        includedSuffixes: [".corp.example.com", "lan"],
        excludedNames: ["secret.shop", "printer"],
        subnets: [InternetPrefix("10.96.0.0/12"), InternetPrefix("fd00:10::/64")].compactMap { $0 }
    )

    /// The route in short: `up`, or the candidate, with `?` where upstream is asked after it.
    private func route(_ text: String) throws -> String {
        switch Self.policy.route(try #require(DNSName(text))) {
        case .upstream: "up"
        case .cluster(let names, let fallback):
            names.map(\.description).joined(separator: " ") + (fallback ? "?" : "")
        }
    }

    @Test(
        "Names go where they belong",
        arguments: [
            // A single label is looked for in the connected namespace first.
            ("backend", "backend.default.svc.cluster.local?"),
            ("BACKEND", "backend.default.svc.cluster.local?"),
            // name.namespace, and a pod of a headless service.
            ("web.shop", "web.shop.svc.cluster.local?"),
            ("db-0.db.shop", "db-0.db.shop.svc.cluster.local?"),
            ("web.default", "web.default.svc.cluster.local?"),
            // A namespace that is a top-level domain too: both are asked.
            ("web.dev", "web.dev.svc.cluster.local?"),
            // Full and half-full names; nobody else can know them.
            ("web.shop.svc", "web.shop.svc.cluster.local"),
            ("_http._tcp.web.shop.svc", "_http._tcp.web.shop.svc.cluster.local"),
            ("web.shop.svc.cluster.local", "web.shop.svc.cluster.local"),
            ("cluster.local", "cluster.local"),
            // Addresses of the cluster.
            ("1.0.96.10.in-addr.arpa", "1.0.96.10.in-addr.arpa?"),
            (
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa",
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa?"
            ),
            // Included suffixes go as they are, also below a shorter excluded one.
            ("git.corp.example.com", "git.corp.example.com"),
            ("nas.lan", "nas.lan"),
            // All others are the workstation's.
            ("www.example.com", "up"), ("example.com", "up"), ("swift.org", "up"), ("web.other", "up"),
            ("host.local", "up"), (".", "up"), ("1.0.0.127.in-addr.arpa", "up"), ("x.in-addr.arpa", "up"),
            // Excluded: by name, and by suffix although there is such a namespace.
            ("secret.shop", "up"), ("printer", "up"), ("app.io", "up"),
            // Never: proxy discovery, this machine, service discovery.
            ("wpad", "up"), ("wpad.shop", "up"), ("wpad.shop.svc.cluster.local", "up"),
            ("localhost", "up"), ("x.localhost", "up"), ("lb._dns-sd._udp.0.0.96.10.in-addr.arpa", "up"),
        ]
    )
    func table(_ name: String, _ expected: String) throws {
        #expect(try route(name) == expected)
    }

    @Test("Addresses of both families are read from reverse names")
    func reverse() throws {
        let v4 = try #require(DNSName("4.3.2.1.in-addr.arpa"))
        #expect(DNSPolicy.reversed(v4) == InternetAddress("1.2.3.4"))
        let digits = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f"
        let v6 = try #require(DNSName(digits + ".ip6.arpa"))
        #expect(DNSPolicy.reversed(v6) == InternetAddress("fd00:10::1"))
        #expect(DNSPolicy.reversed(try #require(DNSName("400.3.2.1.in-addr.arpa"))) == nil)
    }

    @Test("A name that grows too long in the cluster stays upstream")
    func tooLong() throws {
        let label = String(repeating: "a", count: 60)
        #expect(try route("\(label).\(label).\(label).\(label).shop") == "up")
    }
}
