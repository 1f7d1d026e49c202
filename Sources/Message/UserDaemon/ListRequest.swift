/// Asks for the workloads of a namespace.
package struct ListRequest: WireMessage {
    /// Namespace; empty means that of the connection.
    package var namespace: String

    package init(
        namespace: String = ""
    ) {
        self.namespace = namespace
    }

    /// Every field at its default.
    package init() {
        self.init(namespace: "")
    }

    package static let table = MessageTable(
        "ListRequest",
        [
            FieldRow(1, "namespace", .string)
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, namespace)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: namespace = try reader.string(field)
            default: break
            }
        }
    }
}
