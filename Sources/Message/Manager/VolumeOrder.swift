/// An agent is to open a tunnel to a workstation on which it serves a container's volumes by SFTP.
package struct VolumeOrder: WireMessage {
    /// The attachment.
    package var attachmentID: String
    /// The session that it belongs to.
    package var sessionID: String
    /// The container.
    package var container: String
    /// As in VolumeRequest: the tunnel's request carries it as `tp-volume`.
    package var ticket: String
    /// Nothing is to be written.
    package var readOnly: Bool

    package init(
        attachmentID: String = "",
        sessionID: String = "",
        container: String = "",
        ticket: String = "",
        readOnly: Bool = false
    ) {
        self.attachmentID = attachmentID
        self.sessionID = sessionID
        self.container = container
        self.ticket = ticket
        self.readOnly = readOnly
    }

    /// Every field at its default.
    package init() {
        self.init(attachmentID: "")
    }

    package static let table = MessageTable(
        "VolumeOrder",
        [
            FieldRow(1, "attachment_id", .string),
            FieldRow(2, "session_id", .string),
            FieldRow(3, "container", .string),
            FieldRow(4, "ticket", .string),
            FieldRow(5, "read_only", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, attachmentID)
        writer.string(2, sessionID)
        writer.string(3, container)
        writer.string(4, ticket)
        writer.bool(5, readOnly)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: attachmentID = try reader.string(field)
            case 2: sessionID = try reader.string(field)
            case 3: container = try reader.string(field)
            case 4: ticket = try reader.string(field)
            case 5: readOnly = try reader.bool(field)
            default: break
            }
        }
    }
}
