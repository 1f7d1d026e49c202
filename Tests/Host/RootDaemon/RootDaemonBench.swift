import Call
import Foundation
import Glibc
import HTTP2
import Kernel
import Message
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Host

/// A workstation in a namespace of its own, with a gateway and a resolver, and the real root daemon in it.
///
/// ```
///   eth0 192.168.77.2/24 -- default via 192.168.77.1, resolver 192.168.77.53
/// ```
final class RootDaemonBench: Sendable {
    let namespace: NetworkNamespace
    let directory: String
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    var socket: String { directory + "/rootd.sock" }

    init() throws {
        namespace = try NetworkNamespace.create()
        directory = "/tmp/rootd-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        try "nameserver 192.168.77.53\n".write(toFile: directory + "/resolv.conf", atomically: true, encoding: .utf8)
        try namespace.run { () throws(SystemError) in
            // Link-local addresses and their routes come late by themselves: none, so that snapshots can be compared.
            let mode = try Descriptor.open("/proc/sys/net/ipv6/conf/default/addr_gen_mode", flags: O_WRONLY)
            guard write(mode.rawValue, "1", 1) == 1 else { throw .last("write", "addr_gen_mode") }
            let netlink = try RouteSocket()
            try netlink.addPair("eth0", peer: "far0")
            for name in ["eth0", "far0"] { try netlink.setUp(try netlink.index(of: name), true) }
            let link = try netlink.index(of: "eth0")
            try netlink.addAddress(link, InternetAddress(v4: 0xc0a8_4d02), length: 24)
            guard let any = InternetPrefix("0.0.0.0/0") else { return }
            try netlink.add(NetworkRoute(to: any, gateway: InternetAddress(v4: 0xc0a8_4d01), link: link))
        }
        // The kernel tells of a new link a moment later, a second and more when many come and go on the machine; only then it
        // has its final state and its multicast route.
        let deadline = ContinuousClock.now + .seconds(30)
        while try !isSettled() {
            guard ContinuousClock.now < deadline else { throw SystemError("set up", "eth0", code: ETIMEDOUT) }
            usleep(20_000)
        }
    }

    private func isSettled() throws -> Bool {
        let links = try output(["/usr/sbin/ip", "-br", "link"]).split(separator: "\n")
        let routes = try output(["/usr/sbin/ip", "-6", "route", "show", "table", "all"])
        let hasIPv6 = access("/proc/sys/net/ipv6", F_OK) == 0
        return ["eth0", "far0"].allSatisfy { name in
            links.contains { $0.hasPrefix(name) && $0.contains(" UP ") }
                && (!hasIPv6 || routes.contains("ff00::/8 dev \(name)"))
        }
    }

    func close() async throws {
        try await group.shutdownGracefully()
        try? FileManager.default.removeItem(atPath: directory)
    }

    /// Starts the daemon and waits until it listens.
    func startDaemon() throws -> pid_t {
        let words = ["rootd", "--socket", socket, "--allow-uid", "0", "--resolv-conf", directory + "/resolv.conf"]
        let program = try Programs.path()
        let process = try namespace.run { () throws(SystemError) in try HostProgram.spawn(program, words) }
        for _ in 0..<5000 {
            if let probe = try? UnixSockets.connect(socket + ".fds") {
                probe.close()
                if (try? UnixSockets.connect(socket)) != nil { return process }
            }
            usleep(1000)
        }
        throw SystemError("start", "rootd", code: ETIMEDOUT)
    }

    /// The daemon's exit status.
    func wait(for process: pid_t) -> Int32 {
        var status: CInt = 0
        waitpid(process, &status, 0)
        return status
    }

    /// A link to the daemon.
    func connect() async throws -> Link {
        try await ClientBootstrap(group: group).connect(unixDomainSocketPath: socket)
            .flatMap { Link.start(on: $0, role: .client) }
            .get()
    }

    func fetch(_ token: [UInt8]) throws -> [Descriptor] {
        let client = try UnixSockets.connect(socket + ".fds")
        try UnixSockets.send(token, descriptors: [], over: client)
        return try UnixSockets.receive(over: client, capacity: 1).descriptors
    }

    /// Everything that the daemon could have changed, as the system's own tools show it.
    func snapshot() throws -> String {
        try [
            ["/usr/sbin/ip", "rule"], ["/usr/sbin/ip", "-6", "rule"],
            ["/usr/sbin/ip", "route", "show", "table", "all"], ["/usr/sbin/ip", "-br", "link"],
            ["/usr/sbin/nft", "list", "ruleset"],
        ].map { try output($0) }.joined(separator: "--\n")
    }

    /// Waits until all is as before; else says what is there and was not before, and the other way round.
    func expectSame(as before: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        var lines: [String] = []
        let deadline = ContinuousClock.now + .seconds(20)
        repeat {
            let now = try snapshot()
            let old = before.split(separator: "\n").map(String.init)
            let new = now.split(separator: "\n").map(String.init)
            lines = new.filter { !old.contains($0) }.map { "+ " + $0 }
            lines += old.filter { !new.contains($0) }.map { "- " + $0 }
            if lines.isEmpty { return }
            usleep(50_000)
        } while ContinuousClock.now < deadline
        #expect(lines.isEmpty, "\(lines.joined(separator: "\n"))", sourceLocation: sourceLocation)
    }

    func output(_ words: [String]) throws -> String {
        try namespace.run { () throws(SystemError) in
            Result { try TestProgram.run(words).output }
        }.get()
    }
}
