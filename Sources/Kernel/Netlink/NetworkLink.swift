/// A network interface as the kernel lists it.
package struct NetworkLink: Hashable, Sendable {
    package let index: UInt32
    package let name: String
    package let mtu: UInt32
    package let isUp: Bool

    init?(_ reply: NetlinkReply) {
        guard reply.type == 16, let index = reply.payload.host(UInt32.self, at: 4),
            let flags = reply.payload.host(UInt32.self, at: 8)
        else { return nil }
        var name = ""
        var mtu: UInt32 = 0
        for attribute in reply.attributes(after: 16) {
            switch attribute.type {
            case 3: name = attribute.value.terminatedString
            case 4: mtu = attribute.value.host(UInt32.self, at: 0) ?? 0
            default: break
            }
        }
        self.index = index
        self.name = name
        self.mtu = mtu
        isUp = flags & 1 != 0
    }
}
