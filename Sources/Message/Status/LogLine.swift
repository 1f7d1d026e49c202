/// One line of a log.
package struct LogLine: WireMessage {
    /// When, in milliseconds since 1970.
    package var at: UInt64
    /// trace, debug, info, notice, warning, error or critical.
    package var level: String
    /// Who logged it.
    package var label: String
    /// What, with its metadata.
    package var text: String

    package init(
        at: UInt64 = 0,
        level: String = "",
        label: String = "",
        text: String = ""
    ) {
        self.at = at
        self.level = level
        self.label = label
        self.text = text
    }

    /// Every field at its default.
    package init() {
        self.init(at: 0)
    }

    package static let table = MessageTable(
        "LogLine",
        [
            FieldRow(1, "at", .unsigned(bits: 64)),
            FieldRow(2, "level", .string),
            FieldRow(3, "label", .string),
            FieldRow(4, "text", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.unsigned(1, at)
        writer.string(2, level)
        writer.string(3, label)
        writer.string(4, text)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: at = try reader.unsigned(field)
            case 2: level = try reader.string(field)
            case 3: label = try reader.string(field)
            case 4: text = try reader.string(field)
            default: break
            }
        }
    }
}
