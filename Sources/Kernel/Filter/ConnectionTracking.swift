import Glibc

/// The kernel's memory of connections, which decides about address translation once per flow.
package enum ConnectionTracking {
    /// Forgets DNS flows to some servers, so that long-lived sockets of programs see a redirect come and go.
    ///
    /// Does nothing where the kernel tracks no connections or does not tell of them.
    package static func forgetDNS(to servers: [InternetAddress]) {
        guard let socket = try? NetlinkSocket(protocol: 12) else { return }
        for family in Set(servers.map { $0.family == .v4 ? AF_INET : AF_INET6 }) {
            let flows = (try? socket.exchange(message(1, .dump, family), "list", "connections")) ?? []
            for flow in flows {
                guard let original = flow.attributes(after: 4).first(where: { $0.type == 1 }),
                    isDNS(original.value, to: servers)
                else { continue }
                var removal = message(2, .acknowledge, family)
                removal.attribute(1 | 0x8000, original.value)
                try? socket.perform(removal, "forget", "connection")
            }
        }
    }

    /// A message to ctnetlink (linux/netfilter/nfnetlink_conntrack.h).
    private static func message(_ type: UInt16, _ flags: NetlinkMessage.Flags, _ family: Int32) -> NetlinkMessage {
        var message = NetlinkMessage(type: 1 << 8 | type, flags: flags.union(.request))
        message.append(UInt8(family))
        message.append(UInt8(0))
        message.append(UInt16(0))
        return message
    }

    /// Whether a tuple (CTA_TUPLE_ORIG) leads to port 53 of one of the servers.
    private static func isDNS(_ tuple: ArraySlice<UInt8>, to servers: [InternetAddress]) -> Bool {
        let parts = NetlinkReply.attributes(in: tuple)
        guard let addresses = parts.first(where: { $0.type == 1 }), let transport = parts.first(where: { $0.type == 2 })
        else { return false }
        let destination = NetlinkReply.attributes(in: addresses.value).first { $0.type == 2 || $0.type == 4 }
        let port = NetlinkReply.attributes(in: transport.value).first { $0.type == 3 }
        guard let destination, let address = InternetAddress(bytes: destination.value), servers.contains(address) else {
            return false
        }
        return port?.value.host(UInt16.self, at: 0) == UInt16(53).bigEndian
    }
}
