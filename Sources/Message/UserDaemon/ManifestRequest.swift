/// Asks for pods as the cluster has them, with the rights of the connection.
package struct ManifestRequest: WireMessage {
    /// NAMESPACE/NAME each.
    package var pods: [String]

    package init(pods: [String] = []) {
        self.pods = pods
    }

    /// Every field at its default.
    package init() {
        self.init(pods: [])
    }

    package static let table = MessageTable(
        "ManifestRequest",
        [
            FieldRow(1, "pods", .repeated(.string))
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, pods)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: pods.append(try reader.string(field, repeated: true))
            default: break
            }
        }
    }
}
