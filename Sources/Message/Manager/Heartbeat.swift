/// Says that the sender is alive; the receiver of one answers with the same number.
package struct Heartbeat: WireMessage {
    /// Counts up; an answer repeats it.
    package var sequence: UInt64

    package init(
        sequence: UInt64 = 0
    ) {
        self.sequence = sequence
    }

    /// Every field at its default.
    package init() {
        self.init(sequence: 0)
    }

    package static let table = MessageTable(
        "Heartbeat",
        [
            FieldRow(1, "sequence", .unsigned(bits: 64))
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.unsigned(1, sequence)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: sequence = try reader.unsigned(field)
            default: break
            }
        }
    }
}
