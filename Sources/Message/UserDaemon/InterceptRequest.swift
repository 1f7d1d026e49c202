/// Asks for an intercept.
package struct InterceptRequest: WireMessage {
    /// What is wanted.
    package var spec: AttachmentSpec

    package init(
        spec: AttachmentSpec = AttachmentSpec()
    ) {
        self.spec = spec
    }

    /// Every field at its default.
    package init() {
        self.init(spec: AttachmentSpec())
    }

    package static let table = MessageTable(
        "InterceptRequest",
        [
            FieldRow(1, "spec", .message("AttachmentSpec"))
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.message(1, spec)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: spec = try reader.message(field)
            default: break
            }
        }
    }
}
