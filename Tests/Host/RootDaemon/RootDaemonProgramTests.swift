import Call
import Foundation
import Glibc
import HTTP2
import Kernel
import Message
import NIOCore
import TestSupport
import Testing

@testable import Host

/// The root daemon as it ships, in a namespace of its own.
@Suite("The root daemon", .ownThreads, .enabled(if: Programs.telepresence != nil && geteuid() == 0))
struct RootDaemonProgramTests {
    private static let setup = NetworkSetup(
        interfacePrefix: "tel",
        virtualSubnet: "246.246.0.0/16",
        routes: ["10.96.0.0/12", "10.244.0.0/16", "192.168.0.0/16", "fd00:96::/64"],
        neverProxy: ["10.96.0.1/32"],
        dns: DNSSetup(clusterDomain: "cluster.local", namespaces: ["default"])
    )

    private static func run(_ body: (RootDaemonBench) async throws -> Void) async throws {
        let bench = try RootDaemonBench()
        do {
            try await body(bench)
        } catch {
            Issue.record(error)
        }
        try await bench.close()
    }

    @Test("A network is set up as asked, and torn down to what was before")
    func setUpAndTearDown() async throws {
        try await Self.run { bench in
            let before = try bench.snapshot()
            let daemon = try bench.startDaemon()
            let link = try await bench.connect()
            let client = CallClient(link: link)
            let result = try await client.unary(RootDaemonCalls.setUp, Self.setup)
            #expect(result.interface == "tel0")
            #expect(result.dnsHook == "nftables")
            #expect(result.nameservers == ["192.168.77.53"])
            #expect(result.descriptors == ["tun", "listener", "listener", "dns-udp", "dns-tcp", "upstream"])
            #expect(result.warnings.count == 1 && result.warnings.first?.contains("192.168.77.0/24") == true)
            let rules = try bench.output(["/usr/sbin/ip", "rule"])
            #expect(rules.contains("5200:\tfrom all to 10.96.0.0/12 lookup 2018"))
            for kept in ["10.96.0.1", "192.168.77.53", "192.168.77.1", "192.168.77.0/24"] {
                #expect(rules.contains("5199:\tfrom all to \(kept) lookup main"))
            }
            #expect(try bench.output(["/usr/sbin/ip", "route", "get", "10.100.0.1"]).contains("dev tel0"))
            #expect(try bench.output(["/usr/sbin/ip", "-6", "route", "get", "fd00:96::1"]).contains("dev tel0"))
            for near in ["8.8.8.8", "192.168.77.53", "192.168.77.1", "10.96.0.1"] {
                #expect(try bench.output(["/usr/sbin/ip", "route", "get", near]).contains("dev eth0"))
            }
            #expect(
                try bench.output(["/usr/sbin/nft", "list", "ruleset"]).contains("ip daddr 192.168.77.53 udp dport 53")
            )

            let descriptors = try bench.fetch(result.token)
            #expect(descriptors.count == result.descriptors.count)
            #expect(try bench.fetch(result.token).isEmpty)
            try Self.checkRedirect(bench, descriptors)

            let status = try await client.unary(RootDaemonCalls.status, Empty())
            #expect(status.interface == "tel0" && status.ownerPID == UInt32(getpid()) && status.dnsHook == "nftables")
            _ = try await client.unary(
                RootDaemonCalls.updateRoutes,
                RouteUpdate(routes: ["10.96.0.0/12", "10.50.0.0/16"])
            )
            let changed = try bench.output(["/usr/sbin/ip", "rule"])
            #expect(changed.contains("10.50.0.0/16") && !changed.contains("10.244.0.0/16"))
            _ = try await client.unary(RootDaemonCalls.tearDown, Empty())
            try bench.expectSame(as: before)
            // And once more over the same link.
            _ = try await client.unary(RootDaemonCalls.setUp, Self.setup)
            _ = try await client.unary(RootDaemonCalls.quit, Empty())
            #expect(bench.wait(for: daemon) == 0)
            try bench.expectSame(as: before)
        }
    }

    /// A program's query comes to the handed socket; a marked one goes its way.
    private static func checkRedirect(_ bench: RootDaemonBench, _ descriptors: [Descriptor]) throws {
        guard let server = InternetEndpoint("192.168.77.53:53") else { return }
        let program = try bench.namespace.connectUDP(server)
        var byte: UInt8 = 1
        #expect(send(program.rawValue, &byte, 1, 0) == 1)
        #expect(try Sockets.wait(descriptors[3], CInt(POLLIN), 5000))
        _ = recv(descriptors[3].rawValue, &byte, 1, 0)
        let sent = server.withSocketAddress { sendto(descriptors[5].rawValue, &byte, 1, 0, $0, $1) }
        #expect(sent == 1)
        #expect(try Sockets.wait(descriptors[3], CInt(POLLIN), 200) == false)
    }

    @Test("When the owner's link goes, everything goes")
    func linkLost() async throws {
        try await Self.run { bench in
            let before = try bench.snapshot()
            let daemon = try bench.startDaemon()
            let link = try await bench.connect()
            let result = try await CallClient(link: link).unary(RootDaemonCalls.setUp, Self.setup)
            let descriptors = try bench.fetch(result.token)
            #expect(try bench.snapshot() != before)
            try await link.eventLoop.submit { link.close() }.get()
            try bench.expectSame(as: before)
            // Another owner finds the place free.
            let next = try await bench.connect()
            _ = try await CallClient(link: next).unary(RootDaemonCalls.setUp, Self.setup)
            kill(daemon, SIGTERM)
            #expect(bench.wait(for: daemon) == 0)
            try bench.expectSame(as: before)
            withExtendedLifetime(descriptors) {}
        }
    }

    @Test("When the daemon is killed, its janitor takes everything away, though the owner holds the interface")
    func killed() async throws {
        try await Self.run { bench in
            let before = try bench.snapshot()
            let daemon = try bench.startDaemon()
            let result = try await CallClient(link: bench.connect()).unary(RootDaemonCalls.setUp, Self.setup)
            let descriptors = try bench.fetch(result.token)
            #expect(try bench.snapshot() != before)
            kill(daemon, SIGKILL)
            _ = bench.wait(for: daemon)
            try bench.expectSame(as: before)
            withExtendedLifetime(descriptors) {}
        }
    }

    @Test("What daemon and janitor leave when both are killed, the next daemon removes")
    func bothKilled() async throws {
        try await Self.run { bench in
            let before = try bench.snapshot()
            let daemon = try bench.startDaemon()
            let result = try await CallClient(link: bench.connect()).unary(RootDaemonCalls.setUp, Self.setup)
            let descriptors = try bench.fetch(result.token)
            let children = try String(contentsOfFile: "/proc/\(daemon)/task/\(daemon)/children", encoding: .utf8)
            let janitor = try #require(pid_t(children.split(separator: " ").first ?? ""))
            kill(janitor, SIGKILL)
            kill(daemon, SIGKILL)
            _ = bench.wait(for: daemon)
            let left = try bench.snapshot()
            #expect(left.contains("lookup 2018") && left.contains("tel0"))
            let next = try bench.startDaemon()
            try bench.expectSame(as: before)
            kill(next, SIGTERM)
            _ = bench.wait(for: next)
            withExtendedLifetime(descriptors) {}
        }
    }

    @Test("Wrong requests are refused plainly and leave nothing behind")
    func refusals() async throws {
        try await Self.run { bench in
            let before = try bench.snapshot()
            let daemon = try bench.startDaemon()
            let client = try await CallClient(link: bench.connect())
            for (routes, message) in [
                (["0.0.0.0/0"], "0.0.0.0/0 is too wide to be routed: it would take over the default route"),
                (["127.0.0.0/8"], "127.0.0.0/8 cannot be routed: 127.0.0.0/8 belongs to the workstation"),
                (["frontend"], "frontend is no subnet; it should look like 10.96.0.0/12 or fd00::/64"),
            ] {
                await #expect(throws: CallStatus(.invalidArgument, message)) {
                    try await client.unary(RootDaemonCalls.setUp, NetworkSetup(routes: routes))
                }
            }
            await #expect(throws: CallStatus.self) {
                try await client.unary(RootDaemonCalls.updateRoutes, RouteUpdate(routes: ["10.0.0.0/16"]))
            }
            try bench.expectSame(as: before)
            _ = try await client.unary(RootDaemonCalls.setUp, Self.setup)
            let other = try await CallClient(link: bench.connect())
            await #expect(throws: CallStatus.self) { try await other.unary(RootDaemonCalls.setUp, Self.setup) }
            await #expect(throws: CallStatus.self) { try await other.unary(RootDaemonCalls.quit, Empty()) }
            kill(daemon, SIGTERM)
            #expect(bench.wait(for: daemon) == 0)
            try bench.expectSame(as: before)
        }
    }
}
