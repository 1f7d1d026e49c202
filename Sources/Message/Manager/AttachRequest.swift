/// Asks for an attachment; answered by RequestResult, with ProgressUpdate before.
package struct AttachRequest: WireMessage {
    /// Chosen by the sender, unique on its stream.
    package var requestID: String
    /// What is wanted.
    package var spec: AttachmentSpec

    package init(
        requestID: String = "",
        spec: AttachmentSpec = AttachmentSpec()
    ) {
        self.requestID = requestID
        self.spec = spec
    }

    /// Every field at its default.
    package init() {
        self.init(requestID: "")
    }

    package static let table = MessageTable(
        "AttachRequest",
        [
            FieldRow(1, "request_id", .string),
            FieldRow(2, "spec", .message("AttachmentSpec")),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, requestID)
        writer.message(2, spec)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: requestID = try reader.string(field)
            case 2: spec = try reader.message(field)
            default: break
            }
        }
    }
}
