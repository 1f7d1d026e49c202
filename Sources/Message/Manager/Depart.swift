/// The sender ends its session; it cannot be resumed.
package struct Depart: WireMessage {
    /// Why, for the log.
    package var reason: String

    package init(
        reason: String = ""
    ) {
        self.reason = reason
    }

    /// Every field at its default.
    package init() {
        self.init(reason: "")
    }

    package static let table = MessageTable(
        "Depart",
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
