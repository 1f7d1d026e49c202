/// A warning or an error that was logged.
package struct ErrorNote: WireMessage {
    /// Counts up.
    package var sequence: UInt64
    /// When, in milliseconds since 1970.
    package var at: UInt64
    /// warning, error or critical.
    package var level: String
    /// What was logged.
    package var text: String

    package init(
        sequence: UInt64 = 0,
        at: UInt64 = 0,
        level: String = "",
        text: String = ""
    ) {
        self.sequence = sequence
        self.at = at
        self.level = level
        self.text = text
    }

    /// Every field at its default.
    package init() {
        self.init(sequence: 0)
    }

    package static let table = MessageTable(
        "ErrorNote",
        [
            FieldRow(1, "sequence", .unsigned(bits: 64)),
            FieldRow(2, "at", .unsigned(bits: 64)),
            FieldRow(3, "level", .string),
            FieldRow(4, "text", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.unsigned(1, sequence)
        writer.unsigned(2, at)
        writer.string(3, level)
        writer.string(4, text)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: sequence = try reader.unsigned(field)
            case 2: at = try reader.unsigned(field)
            case 3: level = try reader.string(field)
            case 4: text = try reader.string(field)
            default: break
            }
        }
    }
}
