/// A route as the kernel lists it, or as it shall be added.
package struct NetworkRoute: Hashable, Sendable {
    /// `RT_TABLE_MAIN`.
    package static let mainTable: UInt32 = 254

    package var destination: InternetPrefix
    package var gateway: InternetAddress?
    package var link: UInt32?
    package var source: InternetAddress?
    package var table: UInt32

    /// `RTN_*`: 1 unicast, 2 local, 6 blackhole, 7 unreachable.
    package var kind: UInt8

    /// `RTPROT_*`: who made it; 4 is static.
    package var origin: UInt8

    package init(
        to destination: InternetPrefix,
        gateway: InternetAddress? = nil,
        link: UInt32? = nil,
        source: InternetAddress? = nil,
        table: UInt32 = NetworkRoute.mainTable,
        kind: UInt8 = 1,
        origin: UInt8 = 4
    ) {
        self.destination = destination
        self.gateway = gateway
        self.link = link
        self.source = source
        self.table = table
        self.kind = kind
        self.origin = origin
    }

    init?(_ reply: NetlinkReply) {
        guard reply.type == 24, let family = reply.payload.host(UInt8.self, at: 0), family == 2 || family == 10,
            let length = reply.payload.host(UInt8.self, at: 1),
            let table = reply.payload.host(UInt8.self, at: 4),
            let origin = reply.payload.host(UInt8.self, at: 5),
            let kind = reply.payload.host(UInt8.self, at: 7)
        else { return nil }
        var wide = UInt32(table)
        var address = family == 2 ? InternetAddress.anyV4 : .anyV6
        for attribute in reply.attributes(after: 12) {
            switch attribute.type {
            case 1: address = InternetAddress(bytes: attribute.value) ?? address
            case 4: link = attribute.value.host(UInt32.self, at: 0)
            case 5: gateway = InternetAddress(bytes: attribute.value)
            case 7: source = InternetAddress(bytes: attribute.value)
            case 15: wide = attribute.value.host(UInt32.self, at: 0) ?? wide
            default: break
            }
        }
        guard let destination = InternetPrefix(address, length: Int(length)) else { return nil }
        self.destination = destination
        self.table = wide
        self.kind = kind
        self.origin = origin
    }
}
