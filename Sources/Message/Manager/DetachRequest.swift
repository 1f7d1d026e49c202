/// Ends an attachment; answered by RequestResult.
package struct DetachRequest: WireMessage {
    /// Chosen by the sender, unique on its stream.
    package var requestID: String
    /// The attachment; empty when named by the next two fields.
    package var attachmentID: String
    /// Name of the attachment.
    package var name: String
    /// Its namespace; empty means that of the session.
    package var namespace: String

    package init(
        requestID: String = "",
        attachmentID: String = "",
        name: String = "",
        namespace: String = ""
    ) {
        self.requestID = requestID
        self.attachmentID = attachmentID
        self.name = name
        self.namespace = namespace
    }

    /// Every field at its default.
    package init() {
        self.init(requestID: "")
    }

    package static let table = MessageTable(
        "DetachRequest",
        [
            FieldRow(1, "request_id", .string),
            FieldRow(2, "attachment_id", .string),
            FieldRow(3, "name", .string),
            FieldRow(4, "namespace", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, requestID)
        writer.string(2, attachmentID)
        writer.string(3, name)
        writer.string(4, namespace)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: requestID = try reader.string(field)
            case 2: attachmentID = try reader.string(field)
            case 3: name = try reader.string(field)
            case 4: namespace = try reader.string(field)
            default: break
            }
        }
    }
}
