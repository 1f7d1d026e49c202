import Glibc
import Testing

@testable import Kernel

@Suite("Network namespaces")
struct NetworkNamespaceTests {
    @Test("A connection is made inside a namespace and used from outside")
    func connectionInside() throws {
        let namespace = try NetworkNamespace.create()
        let listener = try namespace.listenTCP(InternetEndpoint(.loopbackV4, port: 0))
        let endpoint = try Sockets.localEndpoint(listener)
        let client = try namespace.connectTCP(endpoint)
        let server = try Sockets.accept(listener)
        #expect(try Sockets.peerEndpoint(client) == endpoint)
        #expect(try Sockets.peerEndpoint(server) == Sockets.localEndpoint(client))
        // From here nobody listens there.
        #expect(throws: SystemError("connect", "\(endpoint)", code: ECONNREFUSED)) {
            try Sockets.connectTCP(endpoint)
        }
    }

    @Test("The caller's thread keeps its namespace")
    func callerKeepsItsOwn() throws {
        let before = try linkNumber(of: "/proc/thread-self/ns/net")
        let namespace = try NetworkNamespace.create()
        let inside = try namespace.run { () throws(SystemError) in try linkNumber(of: "/proc/thread-self/ns/net") }
        #expect(try linkNumber(of: "/proc/thread-self/ns/net") == before)
        #expect(inside != before)
    }

    @Test("A pair of links joins two namespaces, with addresses and routes")
    func pairBetweenNamespaces() throws {
        let first = try NetworkNamespace.create()
        let second = try NetworkNamespace.create()
        let one = try #require(InternetAddress("10.9.8.1"))
        let two = try #require(InternetAddress("10.9.8.2"))
        let far = try #require(InternetPrefix("10.77.0.0/16"))
        try first.run { () throws(SystemError) in
            let netlink = try RouteSocket()
            try netlink.addPair("a0", peer: "b0", in: second)
            let link = try netlink.index(of: "a0")
            try netlink.addAddress(link, one, length: 24)
            try netlink.setMTU(link, 1400)
            try netlink.setUp(link, true)
        }
        try second.run { () throws(SystemError) in
            let netlink = try RouteSocket()
            let link = try netlink.index(of: "b0")
            try netlink.addAddress(link, two, length: 24)
            try netlink.setUp(link, true)
            try netlink.add(NetworkRoute(to: far, gateway: one, table: 2018))
            try netlink.add(RoutingRule(family: .v4, priority: 5200, destination: far, table: 2018))
        }
        let listener = try first.listenTCP(InternetEndpoint(one, port: 0))
        let client = try second.connectTCP(Sockets.localEndpoint(listener))
        #expect(try Sockets.localEndpoint(client).address == two)
        let links = try first.run { () throws(SystemError) in try RouteSocket().links() }
        #expect(links.contains { $0.name == "a0" && $0.mtu == 1400 && $0.isUp })
        try second.run { () throws(SystemError) in
            let netlink = try RouteSocket()
            let route = try netlink.routes().first { $0.destination == far }
            let rule = try netlink.rules().first { $0.priority == 5200 }
            guard let route, route.gateway == one, route.table == 2018, let rule, rule.destination == far else {
                throw SystemError("route or rule missing", code: ENOENT)
            }
            try netlink.delete(rule)
            try netlink.delete(route)
            guard try !netlink.rules().contains(where: { $0.priority == 5200 }),
                try !netlink.routes().contains(where: { $0.table == 2018 })
            else { throw SystemError("route or rule left", code: EEXIST) }
        }
    }

    @Test("A name keeps a namespace alive and goes away again")
    func naming() throws {
        let name = "kernel-test-\(getpid())"
        try NetworkNamespace.create().bind(name: name)
        defer { NetworkNamespace.unbind(name: name) }
        let found = try NetworkNamespace(path: "/run/netns/\(name)")
        _ = try found.listenTCP(InternetEndpoint(.loopbackV6, port: 0))
        NetworkNamespace.unbind(name: name)
        #expect(throws: SystemError.self) { try NetworkNamespace(path: "/run/netns/\(name)") }
    }

    @Test("A missing namespace is named in the error")
    func missing() {
        #expect(throws: SystemError("open", "/proc/0/ns/net", code: ENOENT)) { try NetworkNamespace(process: 0) }
    }
}

private func linkNumber(of path: String) throws(SystemError) -> UInt {
    var status = stat()
    guard stat(path, &status) == 0 else { throw .last("stat", path) }
    return UInt(status.st_ino)
}
