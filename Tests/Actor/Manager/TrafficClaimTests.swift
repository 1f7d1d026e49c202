import Actor
import Message
import Testing

@Suite struct TrafficClaimTests {
    private static let http = TrafficClaim.Port(container: "app", number: 80, transport: .tcp)
    private static let udp = TrafficClaim.Port(container: "app", number: 80, transport: .udp)
    private static let side = TrafficClaim.Port(container: "side", number: 90, transport: .tcp)

    private static func intercept(
        _ ports: [TrafficClaim.Port] = [http],
        _ headers: [String: String] = [:],
        _ path: TrafficFilter.Path = .any
    ) -> TrafficClaim {
        TrafficClaim(kind: .intercept, ports: ports, filter: TrafficFilter(headers: headers, path: path))
    }

    /// One of each kind that matters, in the order of the table.
    private static let claims: [(name: String, claim: TrafficClaim)] = [
        ("global", intercept()),
        ("global on udp", intercept([udp])),
        ("global on side", intercept([side])),
        ("header a=1", intercept([http], ["a": "1"])),
        ("header a=2", intercept([http], ["a": "2"])),
        ("headers a=1 b=1", intercept([http], ["a": "1", "b": "1"])),
        ("header a=1 on /x", intercept([http], ["a": "1"], .prefix("/x"))),
        ("header a=1 at /y", intercept([http], ["a": "1"], .equal("/y"))),
        ("path /x", intercept([http], [:], .prefix("/x"))),
        ("path /x/1", intercept([http], [:], .equal("/x/1"))),
        ("path regex", intercept([http], [:], .regex("^/z"))),
        ("replace app", TrafficClaim(kind: .replace, container: "app", ports: [http, udp])),
        ("replace side", TrafficClaim(kind: .replace, container: "side")),
        ("wiretap", TrafficClaim(kind: .wiretap, ports: [http])),
        ("ingest", TrafficClaim(kind: .ingest, container: "app")),
    ]

    /// Where there is an `x`, the two cannot be there at once; the lower half must follow by symmetry.
    private static let table = """
        global           x..xxxxxxxxx...
        global on udp     x.........x...
        global on side     x.........x..
        header a=1          x.xxx...x...
        header a=2           x......x...
        headers a=1 b=1       xxx...x...
        header a=1 on /x       x....x...
        header a=1 at /y        x...x...
        path /x                  xxxx...
        path /x/1                 xxx...
        path regex                 xx...
        replace app                 x...
        replace side                 x..
        wiretap                       ..
        ingest                         .
        """

    @Test("Which attachments of one workload cannot be there at once, pair by pair")
    func pairs() {
        let rows = Self.table.split(separator: "\n")
        #expect(rows.count == Self.claims.count)
        for (row, one) in zip(rows.indices, Self.claims) {
            let marks = Array(rows[row].dropFirst(17).drop { $0 == " " })
            #expect(marks.count == Self.claims.count - row, "\(one.name)")
            for (mark, other) in zip(marks, Self.claims[row...]) {
                let clash = one.claim.clash(with: other.claim) != nil
                #expect(clash == (mark == "x"), "\(one.name) and \(other.name)")
                #expect((other.claim.clash(with: one.claim) != nil) == clash, "\(other.name) and \(one.name)")
            }
        }
    }

    @Test("A clash says where")
    func places() {
        #expect(Self.intercept().clash(with: Self.intercept([Self.side, Self.http])) == .port(Self.http))
        let replace = TrafficClaim(kind: .replace, container: "side")
        #expect(Self.intercept([Self.side]).clash(with: replace) == .container("side"))
    }

    @Test("A protocol that is not said is TCP, as the agent takes it")
    func unsaid() {
        let port = TrafficClaim.Port(container: "app", number: 80, transport: .unknown)
        #expect(Self.intercept([port]).clash(with: Self.intercept()) != nil)
        #expect(Self.intercept([port]).clash(with: Self.intercept([Self.udp])) == nil)
    }

    @Test("Prefixes meet when one begins with the other")
    func paths() {
        #expect(TrafficFilter.Path.prefix("/a").overlaps(.prefix("/a/b")))
        #expect(!TrafficFilter.Path.prefix("/a").overlaps(.prefix("/b")))
        #expect(!TrafficFilter.Path.equal("/a").overlaps(.equal("/b")))
        #expect(TrafficFilter().isGlobal && !TrafficFilter(path: .equal("/")).isGlobal)
    }
}
