/// The manager wants to ask the agent: dial a reverse link.
package struct DialBack: WireMessage {
    /// What for, for the log.
    package var reason: String

    package init(reason: String = "") {
        self.reason = reason
    }

    /// Every field at its default.
    package init() {
        self.init(reason: "")
    }

    package static let table = MessageTable(
        "DialBack",
        [
            FieldRow(1, "reason", .string)
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, reason)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: reason = try reader.string(field)
            default: break
            }
        }
    }
}
