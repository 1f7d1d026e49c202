/// Says that the sender is alive; the receiver of one answers with the same number.
package struct Heartbeat: WireMessage {
    /// Counts up; an answer repeats it.
    package var sequence: UInt64
    /// Somebody has used the workstation since the last one: a command, or a new connection into the cluster.
    package var used: Bool

    package init(
        sequence: UInt64 = 0,
        used: Bool = false
    ) {
        self.sequence = sequence
        self.used = used
    }

    /// Every field at its default.
    package init() {
        self.init(sequence: 0)
    }

    package static let table = MessageTable(
        "Heartbeat",
        [
            FieldRow(1, "sequence", .unsigned(bits: 64)),
            FieldRow(2, "used", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.unsigned(1, sequence)
        writer.bool(2, used)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: sequence = try reader.unsigned(field)
            case 2: used = try reader.bool(field)
            default: break
            }
        }
    }
}
