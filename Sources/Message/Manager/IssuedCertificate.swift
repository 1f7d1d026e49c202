/// A certificate that the manager has issued for a session.
package struct IssuedCertificate: WireMessage {
    /// PEM, the leaf first; its key is the one of Hello or RenewRequest.
    package var chain: [UInt8]
    /// PEM of the authorities that the manager is to be believed by from now on.
    package var authorities: [UInt8]
    /// How long it is valid from now; to be renewed after two thirds.
    package var lifetimeSeconds: UInt64

    package init(
        chain: [UInt8] = [],
        authorities: [UInt8] = [],
        lifetimeSeconds: UInt64 = 0
    ) {
        self.chain = chain
        self.authorities = authorities
        self.lifetimeSeconds = lifetimeSeconds
    }

    /// Every field at its default.
    package init() {
        self.init(chain: [])
    }

    package static let table = MessageTable(
        "IssuedCertificate",
        [
            FieldRow(1, "chain", .bytes),
            FieldRow(2, "authorities", .bytes),
            FieldRow(3, "lifetime_seconds", .unsigned(bits: 64)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.bytes(1, chain)
        writer.bytes(2, authorities)
        writer.unsigned(3, lifetimeSeconds)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: chain = try reader.bytes(field)
            case 2: authorities = try reader.bytes(field)
            case 3: lifetimeSeconds = try reader.unsigned(field)
            default: break
            }
        }
    }
}
