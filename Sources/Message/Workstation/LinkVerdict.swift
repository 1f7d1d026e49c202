/// Whether the manager takes a reverse link.
package struct LinkVerdict: WireMessage {
    /// The session that the certificate on the link names.
    package var sessionID: String
    /// A call status code; 0 is success.
    package var code: UInt32
    /// Why it was refused, for people.
    package var message: String

    package init(
        sessionID: String = "",
        code: UInt32 = 0,
        message: String = ""
    ) {
        self.sessionID = sessionID
        self.code = code
        self.message = message
    }

    /// Every field at its default.
    package init() {
        self.init(sessionID: "")
    }

    package static let table = MessageTable(
        "LinkVerdict",
        [
            FieldRow(1, "session_id", .string),
            FieldRow(2, "code", .unsigned(bits: 32)),
            FieldRow(3, "message", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, sessionID)
        writer.unsigned(2, code)
        writer.string(3, message)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: sessionID = try reader.string(field)
            case 2: code = try reader.unsigned(field)
            case 3: message = try reader.string(field)
            default: break
            }
        }
    }
}
