/// Who answers, and in which version.
package struct VersionInfo: WireMessage {
    /// Version of the program, such as 0.1.0.
    package var version: String
    /// What it is: traffic-manager, userd, rootd.
    package var name: String

    package init(
        version: String = "",
        name: String = ""
    ) {
        self.version = version
        self.name = name
    }

    /// Every field at its default.
    package init() {
        self.init(version: "")
    }

    package static let table = MessageTable(
        "VersionInfo",
        [
            FieldRow(1, "version", .string),
            FieldRow(2, "name", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, version)
        writer.string(2, name)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: version = try reader.string(field)
            case 2: name = try reader.string(field)
            default: break
            }
        }
    }
}
