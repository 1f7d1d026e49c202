/// An attachment has ended.
package struct AttachmentEnd: WireMessage {
    /// Why, as it follows on the attachment's name.
    package var reason: String

    package init(reason: String = "") {
        self.reason = reason
    }

    /// Every field at its default.
    package init() {
        self.init(reason: "")
    }

    package static let table = MessageTable(
        "AttachmentEnd",
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
