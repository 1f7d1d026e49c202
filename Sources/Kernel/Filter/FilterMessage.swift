import Glibc

/// Messages to nf_tables (linux/netfilter/nf_tables.h).
///
/// All numbers in them are in network order.
enum FilterMessage {
    /// `NFPROTO_INET`: IPv4 and IPv6 together.
    static let family: UInt8 = 1

    /// NFT_TABLE_F_OWNER: the table belongs to the socket that made it, and goes with it.
    static let ownerFlag: UInt32 = 2

    /// Wraps messages into one transaction.
    static func batch(_ messages: [NetlinkMessage]) -> [NetlinkMessage] {
        [boundary(0x10)] + messages + [boundary(0x11)]
    }

    private static func boundary(_ type: UInt16) -> NetlinkMessage {
        var message = NetlinkMessage(type: type, flags: .request)
        message.append(UInt8(0))
        message.append(UInt8(0))
        message.append(UInt16(10).bigEndian)
        return message
    }

    private static func message(_ type: UInt16, _ flags: NetlinkMessage.Flags) -> NetlinkMessage {
        var message = NetlinkMessage(type: 10 << 8 | type, flags: flags.union([.request, .acknowledge]))
        message.append(family)
        message.append(UInt8(0))
        message.append(UInt16(0))
        return message
    }

    static func addTable(_ name: String, flags: UInt32 = 0) -> NetlinkMessage {
        var message = message(0, .create)
        message.attribute(1, string: name)
        message.attribute(2, network: flags)
        return message
    }

    static func deleteTable(_ name: String) -> NetlinkMessage {
        var message = message(2, [])
        message.attribute(1, string: name)
        return message
    }

    static func listTables() -> NetlinkMessage {
        var message = NetlinkMessage(type: 10 << 8 | 1, flags: [.request, .dump])
        message.append(family)
        message.append(UInt8(0))
        message.append(UInt16(0))
        return message
    }

    /// A base chain of type `nat` that accepts what no rule takes.
    static func addNatChain(_ name: String, in table: String, hook: UInt32, priority: Int32) -> NetlinkMessage {
        var message = message(3, .create)
        message.attribute(1, string: table)
        message.attribute(3, string: name)
        message.nested(4) { nested in
            nested.attribute(1, network: hook)
            nested.attribute(2, network: priority)
        }
        message.attribute(5, network: UInt32(1))
        message.attribute(7, string: "nat")
        return message
    }

    static func addRule(_ expressions: [FilterExpression], table: String, chain: String) -> NetlinkMessage {
        var message = message(6, [.create, .append])
        message.attribute(1, string: table)
        message.attribute(2, string: chain)
        message.nested(4) { list in
            for expression in expressions { list.nested(1) { expression.append(to: &$0) } }
        }
        return message
    }
}
