/// Ends somebody else's attachment, for administrators.
package struct RevokeOrder: WireMessage {
    /// Whose it is: a session's id, or an owner as user@host.
    package var session: String
    /// Name of the attachment.
    package var name: String
    /// Its namespace; empty means any.
    package var namespace: String

    package init(
        session: String = "",
        name: String = "",
        namespace: String = ""
    ) {
        self.session = session
        self.name = name
        self.namespace = namespace
    }

    /// Every field at its default.
    package init() {
        self.init(session: "")
    }

    package static let table = MessageTable(
        "RevokeOrder",
        [
            FieldRow(1, "session", .string),
            FieldRow(2, "name", .string),
            FieldRow(3, "namespace", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, session)
        writer.string(2, name)
        writer.string(3, namespace)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: session = try reader.string(field)
            case 2: name = try reader.string(field)
            case 3: namespace = try reader.string(field)
            default: break
            }
        }
    }
}
