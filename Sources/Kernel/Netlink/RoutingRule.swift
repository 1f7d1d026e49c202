/// A rule that says which routing table decides.
package struct RoutingRule: Hashable, Sendable {
    package var family: InternetAddress.Family

    /// Lower comes first.
    package var priority: UInt32

    package var destination: InternetPrefix?
    package var mark: UInt32?
    package var table: UInt32

    package init(
        family: InternetAddress.Family,
        priority: UInt32,
        destination: InternetPrefix? = nil,
        mark: UInt32? = nil,
        table: UInt32
    ) {
        self.family = family
        self.priority = priority
        self.destination = destination
        self.mark = mark
        self.table = table
    }

    init?(_ reply: NetlinkReply) {
        guard reply.type == 32, let family = reply.payload.host(UInt8.self, at: 0), family == 2 || family == 10,
            let length = reply.payload.host(UInt8.self, at: 1),
            let table = reply.payload.host(UInt8.self, at: 4)
        else { return nil }
        self.family = family == 2 ? .v4 : .v6
        self.table = UInt32(table)
        priority = 0
        for attribute in reply.attributes(after: 12) {
            switch attribute.type {
            case 1:
                destination = InternetAddress(bytes: attribute.value)
                    .flatMap { InternetPrefix($0, length: Int(length)) }
            case 6: priority = attribute.value.host(UInt32.self, at: 0) ?? 0
            case 10: mark = attribute.value.host(UInt32.self, at: 0)
            case 15: self.table = attribute.value.host(UInt32.self, at: 0) ?? self.table
            default: break
            }
        }
    }
}
