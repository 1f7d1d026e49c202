/// A number with a name.
package struct StatusCounter: WireMessage {
    /// What is counted.
    package var name: String
    /// How many.
    package var value: UInt64

    package init(
        name: String = "",
        value: UInt64 = 0
    ) {
        self.name = name
        self.value = value
    }

    /// Every field at its default.
    package init() {
        self.init(name: "")
    }

    package static let table = MessageTable(
        "StatusCounter",
        [
            FieldRow(1, "name", .string),
            FieldRow(2, "value", .unsigned(bits: 64)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, name)
        writer.unsigned(2, value)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: name = try reader.string(field)
            case 2: value = try reader.unsigned(field)
            default: break
            }
        }
    }
}
