/// A tunnel that could not be opened.
package struct TunnelFailure: WireMessage {
    /// Counts up.
    package var sequence: UInt64
    /// When, in milliseconds since 1970.
    package var at: UInt64
    /// host:port.
    package var destination: String
    /// Why.
    package var reason: String

    package init(
        sequence: UInt64 = 0,
        at: UInt64 = 0,
        destination: String = "",
        reason: String = ""
    ) {
        self.sequence = sequence
        self.at = at
        self.destination = destination
        self.reason = reason
    }

    /// Every field at its default.
    package init() {
        self.init(sequence: 0)
    }

    package static let table = MessageTable(
        "TunnelFailure",
        [
            FieldRow(1, "sequence", .unsigned(bits: 64)),
            FieldRow(2, "at", .unsigned(bits: 64)),
            FieldRow(3, "destination", .string),
            FieldRow(4, "reason", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.unsigned(1, sequence)
        writer.unsigned(2, at)
        writer.string(3, destination)
        writer.string(4, reason)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: sequence = try reader.unsigned(field)
            case 2: at = try reader.unsigned(field)
            case 3: destination = try reader.string(field)
            case 4: reason = try reader.string(field)
            default: break
            }
        }
    }
}
