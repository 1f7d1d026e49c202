import Cluster
import Testing

@testable import Sandbox

@Suite struct DNSZoneTests {
    static let zone: DNSZone = ServiceState(
        services: [
            [
                "metadata": ["name": "web", "namespace": "shop"],
                "spec": ["clusterIP": "10.96.1.2", "ports": [["name": "http", "port": 80]]],
            ],
            ["metadata": ["name": "db", "namespace": "shop"], "spec": ["clusterIP": "None"]],
            [
                "metadata": ["name": "out", "namespace": "shop"],
                "spec": ["type": "ExternalName", "externalName": "web.shop.svc.cluster.local"],
            ],
        ],
        slices: [
            [
                "metadata": [
                    "name": "db-1", "namespace": "shop", "labels": ["kubernetes.io/service-name": "db"],
                ],
                "ports": [["name": "sql", "port": 5432, "protocol": "TCP"]],
                "endpoints": [
                    ["addresses": ["10.244.0.7"], "hostname": "db-0", "conditions": ["ready": true]],
                    ["addresses": ["10.244.0.8"], "conditions": ["ready": true]],
                    ["addresses": ["10.244.0.9"], "conditions": ["ready": false]],
                ],
            ]
        ],
        namespaces: ["shop", "empty"]
    ).zone()

    static func query(_ name: String, _ type: UInt16, edns: UInt16? = nil) -> [UInt8] {
        var bytes: [UInt8] = [0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, edns == nil ? 0 : 1]
        for label in name.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + Array(label.utf8) }
        bytes += [0, UInt8(type >> 8), UInt8(type & 0xFF), 0, 1]
        if let edns { bytes += [0, 0, 41, UInt8(edns >> 8), UInt8(edns & 0xFF), 0, 0, 0, 0, 0, 0] }
        return bytes
    }

    /// Response code, number of answers, number of authority records, and the data of the last answer.
    static func ask(_ name: String, _ type: UInt16) throws -> (code: UInt8, answers: Int, authority: Int, tail: [UInt8])
    {
        let answer = try #require(self.zone.answer(self.query(name, type), limit: 4096))
        #expect(answer[0] == 0x12 && answer[1] == 0x34 && answer[2] & 0x80 != 0)
        return (answer[3] & 15, Int(answer[7]), Int(answer[9]), answer.suffix(4))
    }

    @Test(
        "names of the cluster have the addresses that they should",
        arguments: [
            ("web.shop.svc.cluster.local", [10, 96, 1, 2]), ("WEB.Shop.svc.cluster.local", [10, 96, 1, 2]),
            ("db-0.db.shop.svc.cluster.local", [10, 244, 0, 7]),
            ("10-244-0-8.db.shop.svc.cluster.local", [10, 244, 0, 8]),
            ("10-244-0-99.shop.pod.cluster.local", [10, 244, 0, 99]),
        ] as [(String, [UInt8])]
    )
    func addresses(name: String, address: [UInt8]) throws {
        let answer = try Self.ask(name, 1)
        #expect(answer.code == 0 && answer.answers == 1 && answer.tail == address)
    }

    @Test("a headless Service has the addresses of its ready endpoints")
    func headless() throws {
        #expect(try Self.ask("db.shop.svc.cluster.local", 1).answers == 2)
        #expect(try Self.ask("10-244-0-9.db.shop.svc.cluster.local", 1).code == 3)
    }

    @Test("an external name is an alias, with the addresses behind it")
    func alias() throws {
        let answer = try Self.ask("out.shop.svc.cluster.local", 1)
        #expect(answer.answers == 2 && answer.tail == [10, 96, 1, 2])
    }

    @Test("ports have SRV records and addresses names")
    func services() throws {
        #expect(try Self.ask("_http._tcp.web.shop.svc.cluster.local", 33).answers == 1)
        #expect(try Self.ask("_sql._tcp.db.shop.svc.cluster.local", 33).answers == 2)
        #expect(try Self.ask("2.1.96.10.in-addr.arpa", 12).answers == 1)
        #expect(try Self.ask("9.9.96.10.in-addr.arpa", 12).code == 3)
    }

    @Test(
        "a name without records of the type is no error, one that does not exist is NXDOMAIN, both with the zone",
        arguments: [
            ("web.shop.svc.cluster.local", 28, 0), ("shop.svc.cluster.local", 1, 0), ("svc.cluster.local", 1, 0),
            ("none.shop.svc.cluster.local", 1, 3), ("web.nowhere.svc.cluster.local", 1, 3),
            ("1-2-3.shop.pod.cluster.local", 1, 3), ("1-2-3-4.nowhere.pod.cluster.local", 1, 3),
        ] as [(String, UInt16, UInt8)]
    )
    func negative(name: String, type: UInt16, code: UInt8) throws {
        let answer = try Self.ask(name, type)
        #expect(answer.code == code && answer.answers == 0 && answer.authority == 1)
    }

    @Test("names outside the cluster fail at once")
    func outside() throws {
        #expect(try Self.ask("example.org", 1).code == 2)
        #expect(try Self.ask("notcluster.local", 1).code == 2)
    }

    @Test("an answer that does not fit is cut short and says so")
    func truncation() throws {
        var zone = DNSZone()
        for host in 1...60 { zone.add("many.cluster.local", .address(0x0AF4_0000 + UInt32(host))) }
        let plain = try #require(zone.answer(Self.query("many.cluster.local", 1), limit: 4096))
        #expect(plain[2] & 2 == 2 && plain.count <= 512)
        let extended = try #require(zone.answer(Self.query("many.cluster.local", 1, edns: 4096), limit: 4096))
        #expect(extended[2] & 2 == 0 && extended[7] == 60)
        #expect(try #require(zone.answer(Self.query("many.cluster.local", 1), limit: 65535))[7] == 60)
    }

    @Test("what is no query gets no answer or an error, at every length, and nothing traps")
    func malformed() {
        let query = Self.query("web.shop.svc.cluster.local", 1, edns: 1232)
        for length in 0..<query.count { _ = Self.zone.answer(Array(query[..<length]), limit: 512) }
        #expect(Self.zone.answer([], limit: 512) == nil)
        var response = query
        response[2] |= 0x80
        #expect(Self.zone.answer(response, limit: 512) == nil)
        // A name that points to itself.
        let loop: [UInt8] = [0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 0x0C, 0, 1, 0, 1]
        #expect(Self.zone.answer(loop, limit: 512)?[3] == 0x81)
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            var bytes = query
            for _ in 0..<4 { bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(in: 0...255) }
            _ = Self.zone.answer(bytes, limit: 512)
        }
    }
}
