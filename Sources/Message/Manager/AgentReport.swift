/// An agent's word on an attachment that it was told of.
package struct AgentReport: WireMessage {
    /// The attachment.
    package var attachmentID: String
    /// active or error.
    package var state: AttachmentState
    /// Why, when it is an error.
    package var message: String
    /// Of a wiretap: connections and flows of which copies were begun.
    package var copied: UInt64
    /// Of a wiretap: copies that lack something, and datagrams that were left out.
    package var dropped: UInt64

    package init(
        attachmentID: String = "",
        state: AttachmentState = .unknown,
        message: String = "",
        copied: UInt64 = 0,
        dropped: UInt64 = 0
    ) {
        self.attachmentID = attachmentID
        self.state = state
        self.message = message
        self.copied = copied
        self.dropped = dropped
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
            FieldRow(4, "copied", .unsigned(bits: 64)),
            FieldRow(5, "dropped", .unsigned(bits: 64)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, attachmentID)
        writer.enumeration(2, state)
        writer.string(3, message)
        writer.unsigned(4, copied)
        writer.unsigned(5, dropped)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: attachmentID = try reader.string(field)
            case 2: state = try reader.enumeration(field)
            case 3: message = try reader.string(field)
            case 4: copied = try reader.unsigned(field)
            case 5: dropped = try reader.unsigned(field)
            default: break
            }
        }
    }
}
