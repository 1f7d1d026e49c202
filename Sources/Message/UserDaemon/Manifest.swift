/// A pod as the cluster has it.
package struct Manifest: WireMessage {
    /// NAMESPACE/NAME.
    package var pod: String
    /// The pod as YAML; values of environment variables are left out.
    package var text: String
    /// Why it could not be read.
    package var error: String

    package init(
        pod: String = "",
        text: String = "",
        error: String = ""
    ) {
        self.pod = pod
        self.text = text
        self.error = error
    }

    /// Every field at its default.
    package init() {
        self.init(pod: "")
    }

    package static let table = MessageTable(
        "Manifest",
        [
            FieldRow(1, "pod", .string),
            FieldRow(2, "text", .string),
            FieldRow(3, "error", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, pod)
        writer.string(2, text)
        writer.string(3, error)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: pod = try reader.string(field)
            case 2: text = try reader.string(field)
            case 3: error = try reader.string(field)
            default: break
            }
        }
    }
}
