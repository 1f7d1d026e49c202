import Glibc
import Kernel
import Message
import Network

/// How programs' queries reach the user daemon.
enum DNSHook {
    /// Marks the sockets whose queries pass the redirect.
    static let mark: UInt32 = 0x7e2

    /// How the hook is called that has systemd-resolved ask us.
    static let resolvedName = "systemd-resolved"

    /// What was hooked.
    struct Installed {
        /// `systemd-resolved`, `nftables` or `none`.
        var name = "none"

        /// Sockets for the user daemon, each with its kind.
        var descriptors: [(kind: String, descriptor: Descriptor)] = []

        /// The redirect, which lives as long as this.
        var table: FilterTable?

        var warnings: [String] = []
    }

    /// Installs the hook that fits the machine and tests it; a hook that does not work is taken away again.
    static func install(_ setup: DNSSetup, interface: String, nameservers: [InternetAddress]) -> Installed {
        if let resolvectl = resolvectl(nameservers) {
            return resolved(setup, interface: interface, resolvectl: resolvectl)
        }
        return redirect(nameservers)
    }

    // MARK: systemd-resolved

    /// The resolvers behind the workstation's own: systemd-resolved asks us for names of the cluster, and would be asked by us for
    /// those that the cluster does not have, and ask us again.
    ///
    /// - Parameters:
    ///   - nameservers: those of `/etc/resolv.conf`.
    ///   - text: where systemd-resolved writes down whom it asks; nil where it cannot be read.
    /// - Returns: Those that the user daemon may ask.
    static func upstreams(
        _ nameservers: [InternetAddress],
        text: String? = HostProgram.text(of: "/run/systemd/resolve/resolv.conf")
    ) -> [InternetAddress] {
        guard nameservers.contains(where: isStub) else { return nameservers }
        return ResolverConfiguration(parsing: text ?? "").nameservers.filter { !$0.isLoopback }
    }

    /// An address at which systemd-resolved serves programs: 127.0.0.53.
    private static func isStub(_ address: InternetAddress) -> Bool { address.isLoopback && address.low & 0xff == 53 }

    /// The program that configures it; nil where it is not in charge.
    private static func resolvectl(_ nameservers: [InternetAddress]) -> String? {
        guard nameservers.contains(where: isStub), access("/run/systemd/resolve/io.systemd.Resolve", F_OK) == 0 else {
            return nil
        }
        return HostProgram.find("resolvectl")
    }

    /// The domains of the link: `~` routes without searching, the others are searched for single labels as well.
    static func domains(_ setup: DNSSetup) -> [String] {
        let domain = setup.clusterDomain.isEmpty ? "cluster.local" : setup.clusterDomain
        let searched = setup.namespaces.first.map { ["\($0).svc.\(domain)"] } ?? []
        return searched + ["~\(domain)", "~svc"] + setup.namespaces.map { "~\($0)" }
            + setup.suffixes.map { "~" + ($0.hasPrefix(".") ? String($0.dropFirst()) : $0) }
    }

    private static func resolved(_ setup: DNSSetup, interface: String, resolvectl: String) -> Installed {
        let commands = [
            ["dns", interface, "\(VirtualAddresses.standard.resolverV4)"],
            ["domain", interface] + domains(setup),
            ["default-route", interface, "no"],
        ]
        for words in commands {
            let status = (try? HostProgram.run(resolvectl, words)) ?? 127
            guard status == 0 else {
                _ = try? HostProgram.run(resolvectl, ["revert", interface])
                return Installed(warnings: [
                    "names of the cluster do not resolve: resolvectl \(words[0]) failed with status \(status)"
                ])
            }
        }
        // What resolved knows of a link goes with the link.
        return Installed(name: resolvedName)
    }

    // MARK: nf_tables

    private static func redirect(_ nameservers: [InternetAddress]) -> Installed {
        guard !nameservers.isEmpty else {
            return Installed(warnings: ["names of the cluster do not resolve: /etc/resolv.conf names no resolver"])
        }
        do throws(SystemError) {
            var installed = Installed(name: "nftables")
            let servers = try sockets(withV6: nameservers.contains { $0.family == .v6 })
            installed.descriptors = servers.sockets
            for server in nameservers.prefix(3) {
                let any = server.family == .v4 ? InternetAddress.anyV4 : .anyV6
                let socket = try Sockets.bindUDP(InternetEndpoint(any, port: 0), mark: mark)
                installed.descriptors.append(("upstream", socket))
            }
            let table = try FilterTable.redirectingDNS(to: nameservers, port: servers.port, exceptMark: mark)
            guard let first = nameservers.first, try test(first, servers) else {
                table.close()
                return Installed(warnings: [
                    "names of the cluster do not resolve: queries are not redirected; is there another DNS redirect?"
                ])
            }
            installed.table = table
            return installed
        } catch {
            return Installed(warnings: ["names of the cluster do not resolve: \(error)"])
        }
    }

    private struct Servers {
        let port: UInt16
        let sockets: [(kind: String, descriptor: Descriptor)]
    }

    /// UDP and TCP sockets on one port of the loopback addresses.
    private static func sockets(withV6: Bool) throws(SystemError) -> Servers {
        var last = SystemError("bind", "DNS sockets", code: EADDRINUSE)
        for _ in 0..<16 {
            do throws(SystemError) {
                let udp = try Sockets.bindUDP(InternetEndpoint(.loopbackV4, port: 0))
                let port = try Sockets.localEndpoint(udp).port
                var made = [("dns-udp", udp)]
                made.append(("dns-tcp", try Sockets.listenTCP(InternetEndpoint(.loopbackV4, port: port))))
                if withV6 {
                    made.append(("dns-udp", try Sockets.bindUDP(InternetEndpoint(.loopbackV6, port: port))))
                    made.append(("dns-tcp", try Sockets.listenTCP(InternetEndpoint(.loopbackV6, port: port))))
                }
                return Servers(port: port, sockets: made)
            } catch {
                last = error
            }
        }
        throw last
    }

    /// Sends a query as a program would, and sees whether it comes to our socket and the answer comes back.
    private static func test(_ server: InternetAddress, _ servers: Servers) throws(SystemError) -> Bool {
        let family = server.family
        let own = servers.sockets.first { socket in
            socket.kind == "dns-udp" && (try? Sockets.localEndpoint(socket.descriptor))?.address.family == family
        }
        guard let own, let name = DNSName("selftest.telepresence.invalid") else { return false }
        let client = try Sockets.connectUDP(InternetEndpoint(server, port: 53))
        let deadline = ContinuousClock.now + .seconds(1)
        var query = DNSMessage.query(DNSQuestion(name, type: DNSQuestion.a), id: .random(in: .min ... .max)).wire
        guard send(client.rawValue, &query, query.count, 0) == query.count else { return false }
        // Others ask as well: what is not ours gets no answer, and is asked again.
        repeat {
            let left = max(1, Int32((deadline - ContinuousClock.now) / .milliseconds(1)))
            guard try Sockets.wait(own.descriptor, CInt(POLLIN), left) else { return false }
        } while try !echo(query, own.descriptor) && ContinuousClock.now < deadline
        var buffer = [UInt8](repeating: 0, count: 512)
        guard try Sockets.wait(client, CInt(POLLIN), 1000) else { return false }
        return recv(client.rawValue, &buffer, buffer.count, 0) == query.count && buffer.starts(with: query)
    }

    /// Takes one datagram and sends it back if it is `query`; false if it is not.
    private static func echo(_ query: [UInt8], _ socket: Descriptor) throws(SystemError) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 512)
        var peer = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &peer) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                let count = recvfrom(socket.rawValue, &buffer, buffer.count, CInt(MSG_DONTWAIT), address, &length)
                guard count == query.count, buffer.starts(with: query) else { return false }
                return sendto(socket.rawValue, buffer, count, 0, address, length) == count
            }
        }
    }
}
