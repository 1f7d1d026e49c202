/// Wants to know when an attachment ends.
package struct AttachmentEndRequest: WireMessage {
    /// Which.
    package var attachmentID: String

    package init(attachmentID: String = "") {
        self.attachmentID = attachmentID
    }

    /// Every field at its default.
    package init() {
        self.init(attachmentID: "")
    }

    package static let table = MessageTable(
        "AttachmentEndRequest",
        [
            FieldRow(1, "attachment_id", .string)
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, attachmentID)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: attachmentID = try reader.string(field)
            default: break
            }
        }
    }
}
