/// Which names go to the cluster.
package struct DNSSetup: WireMessage {
    /// Such as cluster.local.
    package var clusterDomain: String
    /// More suffixes that go to the cluster.
    package var suffixes: [String]
    /// Namespaces whose names resolve.
    package var namespaces: [String]

    package init(
        clusterDomain: String = "",
        suffixes: [String] = [],
        namespaces: [String] = []
    ) {
        self.clusterDomain = clusterDomain
        self.suffixes = suffixes
        self.namespaces = namespaces
    }

    /// Every field at its default.
    package init() {
        self.init(clusterDomain: "")
    }

    package static let table = MessageTable(
        "DNSSetup",
        [
            FieldRow(1, "cluster_domain", .string),
            FieldRow(2, "suffixes", .repeated(.string)),
            FieldRow(3, "namespaces", .repeated(.string)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, clusterDomain)
        writer.string(2, suffixes)
        writer.string(3, namespaces)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: clusterDomain = try reader.string(field)
            case 2: suffixes.append(try reader.string(field, repeated: true))
            case 3: namespaces.append(try reader.string(field, repeated: true))
            default: break
            }
        }
    }
}
