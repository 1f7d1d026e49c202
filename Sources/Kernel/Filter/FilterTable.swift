import Glibc

/// nf_tables tables of ours, made by raw netlink, in the network namespace of the calling thread.
package final class FilterTable {
    /// The table's name, as `nft list ruleset` shows it.
    package let name: String

    private let socket: NetlinkSocket
    private let servers: [InternetAddress]

    private init(name: String, socket: NetlinkSocket, servers: [InternetAddress]) {
        self.name = name
        self.socket = socket
        self.servers = servers
    }

    /// Sends this machine's DNS queries to a local port.
    ///
    /// Queries to `servers` go to `port` on the loopback address of their family (redirect in the output hook), except
    /// those from sockets with the mark. The table belongs to the returned object: it vanishes with `close`, with the
    /// last reference, or with the process however it dies, and nobody else can change it.
    package static func redirectingDNS(
        to servers: [InternetAddress],
        port: UInt16,
        exceptMark mark: UInt32,
        name: String = "telepresence-dns"
    ) throws(SystemError) -> FilterTable {
        let socket = try NetlinkSocket(protocol: 12)
        let chain = "output"
        var messages = [
            FilterMessage.addTable(name, flags: FilterMessage.ownerFlag),
            // Before the priority of ordinary destination NAT (-100), so that other tables see the result.
            FilterMessage.addNatChain(chain, in: name, hook: 3, priority: -110),
            FilterMessage.addRule(
                [.meta(key: 3), .compare(withUnsafeBytes(of: mark) { Array($0) }), .return],
                table: name,
                chain: chain
            ),
        ]
        for server in servers {
            for transport in [TransportProtocol.udp, .tcp] {
                let isV4 = server.family == .v4
                messages.append(
                    FilterMessage.addRule(
                        [
                            .meta(key: 15), .compare([UInt8(isV4 ? AF_INET : AF_INET6)]),
                            .payload(base: 1, offset: isV4 ? 16 : 24, length: isV4 ? 4 : 16), .compare(server.bytes),
                            .meta(key: 16), .compare([transport.rawValue]),
                            .payload(base: 2, offset: 2, length: 2), .compare(network(53)),
                            .value(network(port)), .redirect,
                        ],
                        table: name,
                        chain: chain
                    )
                )
            }
        }
        try socket.performBatch(FilterMessage.batch(messages), "add filter table", name)
        ConnectionTracking.forgetDNS(to: servers)
        return FilterTable(name: name, socket: socket, servers: servers)
    }

    /// Sends what arrives from outside for some ports to other ports.
    ///
    /// An older table of the name is replaced.
    ///
    /// The table stays until the namespace goes or `remove` is called.
    package static func install(_ redirects: [PortRedirect], name: String = "telepresence") throws(SystemError) {
        let socket = try NetlinkSocket(protocol: 12)
        let messages =
            // So that there is one to remove.
            [FilterMessage.addTable(name), FilterMessage.deleteTable(name), FilterMessage.addTable(name)]
            + redirection(redirects, table: name)
        try socket.performBatch(FilterMessage.batch(messages), "add filter table", name)
    }

    /// Sends what arrives from outside for some ports to other ports, as long as the returned object lives.
    ///
    /// The table vanishes with `close`, with the last reference, or with the process however it dies.
    package static func redirecting(
        _ redirects: [PortRedirect],
        name: String = "telepresence-agent"
    ) throws(SystemError) -> FilterTable {
        let socket = try NetlinkSocket(protocol: 12)
        let messages =
            [FilterMessage.addTable(name, flags: FilterMessage.ownerFlag)] + redirection(redirects, table: name)
        try socket.performBatch(FilterMessage.batch(messages), "add filter table", name)
        return FilterTable(name: name, socket: socket, servers: [])
    }

    /// The chain that redirects what arrives by any interface but `lo`.
    private static func redirection(_ redirects: [PortRedirect], table name: String) -> [NetlinkMessage] {
        let chain = "prerouting"
        var loopback = Array("lo".utf8)
        loopback += [UInt8](repeating: 0, count: 16 - loopback.count)
        return [FilterMessage.addNatChain(chain, in: name, hook: 0, priority: -100)]
            + redirects.map { redirect in
                FilterMessage.addRule(
                    [
                        .meta(key: 6), .compare(loopback, equal: false),
                        .meta(key: 16), .compare([redirect.transport.rawValue]),
                        .payload(base: 2, offset: 2, length: 2), .compare(network(redirect.from)),
                        .value(network(redirect.to)), .redirect,
                    ],
                    table: name,
                    chain: chain
                )
            }
    }

    /// Removes a table that nobody owns.
    ///
    /// Missing is fine.
    package static func remove(name: String = "telepresence") throws(SystemError) {
        let socket = try NetlinkSocket(protocol: 12)
        let messages = [FilterMessage.addTable(name), FilterMessage.deleteTable(name)]
        try socket.performBatch(FilterMessage.batch(messages), "remove filter table", name)
    }

    /// Removes an owned table now.
    package func close() {
        // Not by closing alone: a program that is being started has the descriptor until it runs, and with it the table.
        try? socket.performBatch(FilterMessage.batch([FilterMessage.deleteTable(name)]), "remove filter table", name)
        socket.descriptor.close()
        ConnectionTracking.forgetDNS(to: servers)
    }

    private static func network(_ value: UInt16) -> [UInt8] {
        [UInt8(value >> 8), UInt8(value & 0xff)]
    }
}
