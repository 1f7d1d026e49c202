/// An administrator ends somebody's attachment; answered by RequestResult.
package struct RevokeRequest: WireMessage {
    /// Chosen by the sender, unique on its stream.
    package var requestID: String
    /// Whose it is: a session's id, or an owner as user@host.
    package var session: String
    /// Name of the attachment.
    package var name: String
    /// Its namespace; empty means any.
    package var namespace: String

    package init(
        requestID: String = "",
        session: String = "",
        name: String = "",
        namespace: String = ""
    ) {
        self.requestID = requestID
        self.session = session
        self.name = name
        self.namespace = namespace
    }

    /// Every field at its default.
    package init() {
        self.init(requestID: "")
    }

    package static let table = MessageTable(
        "RevokeRequest",
        [
            FieldRow(1, "request_id", .string),
            FieldRow(2, "session", .string),
            FieldRow(3, "name", .string),
            FieldRow(4, "namespace", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, requestID)
        writer.string(2, session)
        writer.string(3, name)
        writer.string(4, namespace)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: requestID = try reader.string(field)
            case 2: session = try reader.string(field)
            case 3: name = try reader.string(field)
            case 4: namespace = try reader.string(field)
            default: break
            }
        }
    }
}
