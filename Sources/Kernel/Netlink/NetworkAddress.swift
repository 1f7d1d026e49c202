/// An address of a link as the kernel lists it.
package struct NetworkAddress: Hashable, Sendable {
    package let link: UInt32
    package let address: InternetAddress
    package let length: Int

    init?(_ reply: NetlinkReply) {
        guard reply.type == 20, let length = reply.payload.host(UInt8.self, at: 1),
            let link = reply.payload.host(UInt32.self, at: 4)
        else { return nil }
        let attributes = reply.attributes(after: 8)
        // IFA_LOCAL where there is one: on point-to-point links IFA_ADDRESS is the peer's.
        let value = attributes.first { $0.type == 2 } ?? attributes.first { $0.type == 1 }
        guard let value, let address = InternetAddress(bytes: value.value) else { return nil }
        self.link = link
        self.address = address
        self.length = Int(length)
    }
}
