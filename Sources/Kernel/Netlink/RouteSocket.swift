import Glibc

/// Links, addresses, routes and rules by rtnetlink, in the network namespace of the thread that made the socket.
///
/// Concurrency model: not for concurrent use.
package final class RouteSocket {
    let netlink: NetlinkSocket

    /// Opens a conversation in the calling thread's network namespace.
    package init() throws(SystemError) {
        netlink = try NetlinkSocket(protocol: 0)
    }

    static func family(_ address: InternetAddress) -> UInt8 {
        UInt8(address.family == .v4 ? AF_INET : AF_INET6)
    }

    /// The index of a link.
    ///
    /// A link that is not there is ENODEV.
    package func index(of name: String) throws(SystemError) -> UInt32 {
        var message = NetlinkMessage(type: 18, flags: [.request, .acknowledge])
        appendLink(&message, index: 0)
        message.attribute(3, string: name)
        let replies = try netlink.exchange(message, "find link", name)
        guard let index = replies.first?.payload.host(UInt32.self, at: 4) else {
            throw SystemError("find link", name, code: ENODEV)
        }
        return index
    }

    /// Every link of the namespace.
    package func links() throws(SystemError) -> [NetworkLink] {
        var message = NetlinkMessage(type: 18, flags: [.request, .dump])
        appendLink(&message, index: 0)
        return try netlink.exchange(message, "list", "links").compactMap(NetworkLink.init)
    }

    /// Every address of the namespace.
    package func addresses() throws(SystemError) -> [NetworkAddress] {
        var message = NetlinkMessage(type: 22, flags: [.request, .dump])
        message.append(UInt64(0))
        return try netlink.exchange(message, "list", "addresses").compactMap(NetworkAddress.init)
    }

    /// Brings a link up or down.
    package func setUp(_ link: UInt32, _ up: Bool) throws(SystemError) {
        var message = NetlinkMessage(type: 16, flags: [.request, .acknowledge])
        appendLink(&message, index: link, flags: up ? 1 : 0, change: 1)
        try netlink.perform(message, up ? "bring up" : "bring down", "link \(link)")
    }

    /// Sets the largest packet of a link, in bytes.
    package func setMTU(_ link: UInt32, _ bytes: UInt32) throws(SystemError) {
        var message = NetlinkMessage(type: 16, flags: [.request, .acknowledge])
        appendLink(&message, index: link)
        message.attribute(4, host: bytes)
        try netlink.perform(message, "set MTU", "\(bytes)")
    }

    /// Joins a link to a bridge.
    package func setMaster(_ link: UInt32, _ bridge: UInt32) throws(SystemError) {
        var message = NetlinkMessage(type: 16, flags: [.request, .acknowledge])
        appendLink(&message, index: link)
        message.attribute(10, host: bridge)
        try netlink.perform(message, "set bridge", "link \(link)")
    }

    /// Moves a link into another namespace, where it may get a new name.
    package func move(
        _ link: UInt32,
        to namespace: NetworkNamespace,
        name: String? = nil
    ) throws(SystemError) {
        var message = NetlinkMessage(type: 16, flags: [.request, .acknowledge])
        appendLink(&message, index: link)
        message.attribute(28, host: namespace.descriptor.rawValue)
        if let name { message.attribute(3, string: name) }
        try netlink.perform(message, "move link", "\(link)")
    }

    /// Removes a link.
    package func deleteLink(_ link: UInt32) throws(SystemError) {
        var message = NetlinkMessage(type: 17, flags: [.request, .acknowledge])
        appendLink(&message, index: link)
        try netlink.perform(message, "remove link", "\(link)")
    }

    /// Makes a bridge.
    package func addBridge(_ name: String) throws(SystemError) {
        var message = NetlinkMessage(type: 16, flags: [.request, .acknowledge, .create, .exclusive])
        appendLink(&message, index: 0)
        message.attribute(3, string: name)
        message.nested(18) { $0.attribute(1, string: "bridge") }
        try netlink.perform(message, "add bridge", name)
    }

    /// Makes a pair of joined links, the second of them in another namespace when one is given.
    package func addPair(
        _ name: String,
        peer: String,
        in namespace: NetworkNamespace? = nil
    ) throws(SystemError) {
        var message = NetlinkMessage(type: 16, flags: [.request, .acknowledge, .create, .exclusive])
        appendLink(&message, index: 0)
        message.attribute(3, string: name)
        message.nested(18) { information in
            information.attribute(1, string: "veth")
            information.nested(2) { data in
                data.nested(1) { other in
                    appendLink(&other, index: 0)
                    other.attribute(3, string: peer)
                    if let namespace { other.attribute(28, host: namespace.descriptor.rawValue) }
                }
            }
        }
        try netlink.perform(message, "add link pair", name)
    }

    /// Gives a link an address.
    ///
    /// `withRoute` says whether the kernel adds the route to the prefix.
    package func addAddress(
        _ link: UInt32,
        _ address: InternetAddress,
        length: Int,
        withRoute: Bool = true
    ) throws(SystemError) {
        var message = NetlinkMessage(type: 20, flags: [.request, .acknowledge, .create, .exclusive])
        message.append(Self.family(address))
        message.append(UInt8(truncatingIfNeeded: length))
        message.append(UInt8(0))
        message.append(UInt8(0))
        message.append(link)
        // No duplicate address detection (0x02): an own link has no neighbours, and waiting costs seconds.
        let flags: UInt32 = (address.family == .v6 ? 0x02 : 0) | (withRoute ? 0 : 0x200)
        message.attribute(2, address.bytes)
        message.attribute(1, address.bytes)
        message.attribute(8, host: flags)
        try netlink.perform(message, "add address", "\(address)/\(length)")
    }

    private func appendLink(_ message: inout NetlinkMessage, index: UInt32, flags: UInt32 = 0, change: UInt32 = 0) {
        message.append(UInt8(0))
        message.append(UInt8(0))
        message.append(UInt16(0))
        message.append(index)
        message.append(flags)
        message.append(change)
    }
}
