/// A workstation wants an attachment's volumes; answered by RequestResult.
package struct VolumeRequest: WireMessage {
    /// Named in the answer.
    package var requestID: String
    /// Whose volumes.
    package var attachmentID: String
    /// The container; empty means the one whose environment the attachment has.
    package var container: String
    /// Named by the tunnel that the agent opens, so that it is known here; to be guessed by nobody.
    package var ticket: String
    /// Nothing is to be written.
    package var readOnly: Bool

    package init(
        requestID: String = "",
        attachmentID: String = "",
        container: String = "",
        ticket: String = "",
        readOnly: Bool = false
    ) {
        self.requestID = requestID
        self.attachmentID = attachmentID
        self.container = container
        self.ticket = ticket
        self.readOnly = readOnly
    }

    /// Every field at its default.
    package init() {
        self.init(requestID: "")
    }

    package static let table = MessageTable(
        "VolumeRequest",
        [
            FieldRow(1, "request_id", .string),
            FieldRow(2, "attachment_id", .string),
            FieldRow(3, "container", .string),
            FieldRow(4, "ticket", .string),
            FieldRow(5, "read_only", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, requestID)
        writer.string(2, attachmentID)
        writer.string(3, container)
        writer.string(4, ticket)
        writer.bool(5, readOnly)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: requestID = try reader.string(field)
            case 2: attachmentID = try reader.string(field)
            case 3: container = try reader.string(field)
            case 4: ticket = try reader.string(field)
            case 5: readOnly = try reader.bool(field)
            default: break
            }
        }
    }
}
