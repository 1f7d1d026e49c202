/// An agent's word on an attachment that it was told of.
package struct AgentReport: WireMessage {
    /// The attachment.
    package var attachmentID: String
    /// active or error.
    package var state: AttachmentState
    /// Why, when it is an error.
    package var message: String

    package init(
        attachmentID: String = "",
        state: AttachmentState = .unknown,
        message: String = ""
    ) {
        self.attachmentID = attachmentID
        self.state = state
        self.message = message
    }

    /// Every field at its default.
    package init() {
        self.init(attachmentID: "")
    }

    package static let table = MessageTable(
        "AgentReport",
        [
            FieldRow(1, "attachment_id", .string),
            FieldRow(2, "state", .enumeration("AttachmentState")),
            FieldRow(3, "message", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, attachmentID)
        writer.enumeration(2, state)
        writer.string(3, message)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: attachmentID = try reader.string(field)
            case 2: state = try reader.enumeration(field)
            case 3: message = try reader.string(field)
            default: break
            }
        }
    }
}
