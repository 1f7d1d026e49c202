/// Asks for the workloads of a namespace.
package struct ListWorkloadsRequest: WireMessage {
    /// The session of the asker; must be live.
    package var sessionID: String
    /// Namespace; empty means that of the session.
    package var namespace: String

    package init(
        sessionID: String = "",
        namespace: String = ""
    ) {
        self.sessionID = sessionID
        self.namespace = namespace
    }

    /// Every field at its default.
    package init() {
        self.init(sessionID: "")
    }

    package static let table = MessageTable(
        "ListWorkloadsRequest",
        [
            FieldRow(1, "session_id", .string),
            FieldRow(2, "namespace", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, sessionID)
        writer.string(2, namespace)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: sessionID = try reader.string(field)
            case 2: namespace = try reader.string(field)
            default: break
            }
        }
    }
}
