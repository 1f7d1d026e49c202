/// Wants to know when an attachment ends.
package struct AttachmentEndRequest: WireMessage {
    /// Which.
    package var attachmentID: String
    /// Who asks uses it: it ends when the call is given up.
    package var isOwner: Bool

    package init(attachmentID: String = "", isOwner: Bool = false) {
        self.attachmentID = attachmentID
        self.isOwner = isOwner
    }

    /// Every field at its default.
    package init() {
        self.init(attachmentID: "")
    }

    package static let table = MessageTable(
        "AttachmentEndRequest",
        [
            FieldRow(1, "attachment_id", .string),
            FieldRow(2, "is_owner", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, attachmentID)
        writer.bool(2, isOwner)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: attachmentID = try reader.string(field)
            case 2: isOwner = try reader.bool(field)
            default: break
            }
        }
    }
}
