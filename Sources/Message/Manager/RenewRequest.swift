/// Asks for another certificate on a live session; answered by Renewal.
package struct RenewRequest: WireMessage {
    /// As in Hello, valid now.
    package var credential: String
    /// As in Hello.
    package var publicKey: [UInt8]

    package init(
        credential: String = "",
        publicKey: [UInt8] = []
    ) {
        self.credential = credential
        self.publicKey = publicKey
    }

    /// Every field at its default.
    package init() {
        self.init(credential: "")
    }

    package static let table = MessageTable(
        "RenewRequest",
        [
            FieldRow(1, "credential", .string),
            FieldRow(2, "public_key", .bytes),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, credential)
        writer.bytes(2, publicKey)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: credential = try reader.string(field)
            case 2: publicKey = try reader.bytes(field)
            default: break
            }
        }
    }
}
