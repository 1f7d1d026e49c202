import Glibc
import TestSupport
import Testing

@testable import Kernel

@Suite("nf_tables", .ownThreads, .enabled(if: geteuid() == 0 && access("/usr/sbin/nft", X_OK) == 0))
struct FilterTableTests {
    @Test("The DNS redirect is what nft shows, works, spares marked sockets, and goes with its owner")
    func redirectDNS() throws {
        let namespace = try NetworkNamespace.create()
        let server = try #require(InternetAddress("10.53.0.1"))
        let second = try #require(InternetAddress("fd00::53"))
        let (table, resolver, real) = try namespace.run { () throws(SystemError) in
            // The real server is here too, on the loopback interface.
            let netlink = try RouteSocket()
            try netlink.addAddress(try netlink.index(of: "lo"), server, length: 32)
            let resolver = try Sockets.bindUDP(InternetEndpoint(.loopbackV4, port: 0))
            let port = try Sockets.localEndpoint(resolver).port
            let real = try Sockets.bindUDP(InternetEndpoint(server, port: 53))
            let table = try FilterTable.redirectingDNS(to: [server, second], port: port, exceptMark: 0x7e2)
            return (Held(table), resolver, real)
        }
        let port = try Sockets.localEndpoint(resolver).port
        let shown = try ruleset(namespace)
        let expected = """
            table inet telepresence-dns { # progname telepresencePac
            flags owner
            chain output {
            type nat hook output priority -110; policy accept;
            meta mark 0x000007e2 return
            ip daddr 10.53.0.1 udp dport 53 redirect to :\(port)
            ip daddr 10.53.0.1 tcp dport 53 redirect to :\(port)
            ip6 daddr fd00::53 udp dport 53 redirect to :\(port)
            ip6 daddr fd00::53 tcp dport 53 redirect to :\(port)
            }
            }
            """
        #expect(shown == expected)
        let (plain, marked) = try namespace.run { () throws(SystemError) in
            let peer = InternetEndpoint(server, port: 53)
            return (try Sockets.connectUDP(peer), try Sockets.connectUDP(peer, mark: 0x7e2))
        }
        var byte: UInt8 = 7
        #expect(send(plain.rawValue, &byte, 1, 0) == 1)
        #expect(try Sockets.wait(resolver, CInt(POLLIN), 5000))
        #expect(try Sockets.wait(real, CInt(POLLIN), 0) == false)
        #expect(send(marked.rawValue, &byte, 1, 0) == 1)
        #expect(try Sockets.wait(real, CInt(POLLIN), 5000))
        table.value.close()
        let after = try ruleset(namespace)
        #expect(after.isEmpty)
    }

    @Test("A long-lived socket sees the redirect come and go, though the kernel tracks its flow")
    func longLivedSocket() throws {
        let namespace = try NetworkNamespace.create()
        let server = try #require(InternetAddress("10.53.0.1"))
        let (resolver, real, program) = try namespace.run { () throws(SystemError) in
            let netlink = try RouteSocket()
            try netlink.addAddress(try netlink.index(of: "lo"), server, length: 32)
            // Somebody else's table keeps tracking on.
            try FilterTable.install([PortRedirect(.tcp, from: 1, to: 2)], name: "other")
            return (
                try Sockets.bindUDP(InternetEndpoint(.loopbackV4, port: 0)),
                try Sockets.bindUDP(InternetEndpoint(server, port: 53)),
                try Sockets.connectUDP(InternetEndpoint(server, port: 53))
            )
        }
        func arrives(at socket: Descriptor) throws -> Bool {
            var byte: UInt8 = 7
            guard send(program.rawValue, &byte, 1, 0) == 1, try Sockets.wait(socket, CInt(POLLIN), 2000) else {
                return false
            }
            return recv(socket.rawValue, &byte, 1, 0) == 1
        }
        let port = try Sockets.localEndpoint(resolver).port
        #expect(try arrives(at: real))
        let table = try namespace.run { () throws(SystemError) in
            Held(try FilterTable.redirectingDNS(to: [server], port: port, exceptMark: 0x7e2))
        }
        #expect(try arrives(at: resolver))
        try namespace.run { () throws(SystemError) in table.value.close() }
        #expect(try arrives(at: real))
    }

    @Test("Port redirects stay, are what nft shows, and are replaced and removed by name")
    func redirectPorts() throws {
        let namespace = try NetworkNamespace.create()
        try namespace.run { () throws(SystemError) in
            try FilterTable.install([PortRedirect(.tcp, from: 1, to: 2)])
            try FilterTable.install([
                PortRedirect(.tcp, from: 8080, to: 9900), PortRedirect(.udp, from: 53, to: 9901),
            ])
        }
        let shown = try ruleset(namespace)
        let expected = """
            table inet telepresence {
            chain prerouting {
            type nat hook prerouting priority dstnat; policy accept;
            iifname != "lo" tcp dport 8080 redirect to :9900
            iifname != "lo" udp dport 53 redirect to :9901
            }
            }
            """
        #expect(shown == expected)
        try namespace.run { () throws(SystemError) in try FilterTable.remove() }
        let after = try ruleset(namespace)
        #expect(after.isEmpty)
        try namespace.run { () throws(SystemError) in try FilterTable.remove() }
    }
}

/// A table made on another thread; the test uses it on one thread at a time.
private final class Held: @unchecked Sendable {
    let value: FilterTable

    init(_ value: FilterTable) { self.value = value }
}

/// What the real `nft` says about a namespace, without indentation.
private func ruleset(_ namespace: NetworkNamespace) throws -> String {
    let output = try namespace.run { () throws(SystemError) in
        Result { try TestProgram.run(["/usr/sbin/nft", "list", "ruleset"]).output }
    }
    return try output.get().split(separator: "\n")
        .map { line in String(line.drop { $0 == "\t" || $0 == " " }) }.joined(separator: "\n")
}
