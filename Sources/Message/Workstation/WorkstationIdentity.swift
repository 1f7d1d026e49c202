/// Who dialled a reverse link.
package struct WorkstationIdentity: WireMessage {
    /// The session of the dialler.
    package var sessionID: String
    /// The secret from Welcome.
    package var secret: [UInt8]

    package init(
        sessionID: String = "",
        secret: [UInt8] = []
    ) {
        self.sessionID = sessionID
        self.secret = secret
    }

    /// Every field at its default.
    package init() {
        self.init(sessionID: "")
    }

    package static let table = MessageTable(
        "WorkstationIdentity",
        [
            FieldRow(1, "session_id", .string),
            FieldRow(2, "secret", .bytes),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, sessionID)
        writer.bytes(2, secret)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: sessionID = try reader.string(field)
            case 2: secret = try reader.bytes(field)
            default: break
            }
        }
    }
}
