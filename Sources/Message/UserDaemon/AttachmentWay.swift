/// Which way an attachment's traffic takes from the agents to the workstation.
package struct AttachmentWay: WireMessage {
    /// The attachment.
    package var attachmentID: String
    /// direct, manager, or mixed: some agents have a direct link and some have not.
    package var way: String
    /// Why it is not direct everywhere; empty when it is.
    package var reason: String

    package init(
        attachmentID: String = "",
        way: String = "",
        reason: String = ""
    ) {
        self.attachmentID = attachmentID
        self.way = way
        self.reason = reason
    }

    /// Every field at its default.
    package init() {
        self.init(attachmentID: "")
    }

    package static let table = MessageTable(
        "AttachmentWay",
        [
            FieldRow(1, "attachment_id", .string),
            FieldRow(2, "way", .string),
            FieldRow(3, "reason", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, attachmentID)
        writer.string(2, way)
        writer.string(3, reason)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: attachmentID = try reader.string(field)
            case 2: way = try reader.string(field)
            case 3: reason = try reader.string(field)
            default: break
            }
        }
    }
}
