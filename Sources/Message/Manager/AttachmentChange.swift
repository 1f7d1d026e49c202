/// An attachment is new, has changed or is gone.
package struct AttachmentChange: WireMessage {
    /// As it is now, or was last.
    package var attachment: Attachment
    /// It is gone.
    package var removed: Bool

    package init(
        attachment: Attachment = Attachment(),
        removed: Bool = false
    ) {
        self.attachment = attachment
        self.removed = removed
    }

    /// Every field at its default.
    package init() {
        self.init(attachment: Attachment())
    }

    package static let table = MessageTable(
        "AttachmentChange",
        [
            FieldRow(1, "attachment", .message("Attachment")),
            FieldRow(2, "removed", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.message(1, attachment)
        writer.bool(2, removed)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: attachment = try reader.message(field)
            case 2: removed = try reader.bool(field)
            default: break
            }
        }
    }
}
