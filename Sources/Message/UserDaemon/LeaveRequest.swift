/// Ends an attachment.
package struct LeaveRequest: WireMessage {
    /// Name of the attachment.
    package var name: String
    /// Its namespace; empty means that of the connection.
    package var namespace: String
    /// Its container, where several attachments go by the name; empty means any.
    package var container: String

    package init(
        name: String = "",
        namespace: String = "",
        container: String = ""
    ) {
        self.name = name
        self.namespace = namespace
        self.container = container
    }

    /// Every field at its default.
    package init() {
        self.init(name: "")
    }

    package static let table = MessageTable(
        "LeaveRequest",
        [
            FieldRow(1, "name", .string),
            FieldRow(2, "namespace", .string),
            FieldRow(3, "container", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, name)
        writer.string(2, namespace)
        writer.string(3, container)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: name = try reader.string(field)
            case 2: namespace = try reader.string(field)
            case 3: container = try reader.string(field)
            default: break
            }
        }
    }
}
