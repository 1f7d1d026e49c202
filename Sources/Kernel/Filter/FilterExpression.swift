/// One step of an nf_tables rule.
///
/// Values pass through register 1.
enum FilterExpression {
    /// Loads what is known about the packet: 3 mark, 6 input interface's name, 15 family, 16 transport protocol.
    case meta(key: UInt32)

    /// Loads bytes of a header: base 1 is the network header, 2 the transport header.
    case payload(base: UInt32, offset: UInt32, length: UInt32)

    /// Goes on only if the loaded value is, or is not, this one.
    case compare([UInt8], equal: Bool = true)

    /// Loads a value.
    case value([UInt8])

    /// Leaves the chain.
    case `return`

    /// Sends the packet to this machine, to the port that is loaded.
    case redirect

    /// Counts packets and bytes.
    case counter

    func append(to message: inout NetlinkMessage) {
        switch self {
        case .meta(let key):
            message.expression("meta") { data in
                data.attribute(1, network: UInt32(1))
                data.attribute(2, network: key)
            }
        case .payload(let base, let offset, let length):
            message.expression("payload") { data in
                data.attribute(1, network: UInt32(1))
                data.attribute(2, network: base)
                data.attribute(3, network: offset)
                data.attribute(4, network: length)
            }
        case .compare(let value, let equal):
            message.expression("cmp") { data in
                data.attribute(1, network: UInt32(1))
                data.attribute(2, network: UInt32(equal ? 0 : 1))
                data.nested(3) { $0.attribute(1, value) }
            }
        case .value(let value):
            message.expression("immediate") { data in
                data.attribute(1, network: UInt32(1))
                data.nested(2) { $0.attribute(1, value) }
            }
        case .return:
            message.expression("immediate") { data in
                data.attribute(1, network: UInt32(0))
                data.nested(2) { value in value.nested(2) { $0.attribute(1, network: Int32(-5)) } }
            }
        case .redirect:
            message.expression("redir") { data in
                data.attribute(1, network: UInt32(1))
                // NF_NAT_RANGE_PROTO_SPECIFIED.
                data.attribute(3, network: UInt32(2))
            }
        case .counter:
            message.expression("counter") { data in
                data.attribute(1, network: UInt64(0))
                data.attribute(2, network: UInt64(0))
            }
        }
    }
}

extension NetlinkMessage {
    fileprivate mutating func expression(_ name: String, _ data: (inout NetlinkMessage) -> Void) {
        attribute(1, string: name)
        nested(2, data)
    }
}
