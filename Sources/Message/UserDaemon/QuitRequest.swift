/// Ends the connection.
package struct QuitRequest: WireMessage {
    /// End the daemons too.
    package var stopDaemons: Bool

    package init(
        stopDaemons: Bool = false
    ) {
        self.stopDaemons = stopDaemons
    }

    /// Every field at its default.
    package init() {
        self.init(stopDaemons: false)
    }

    package static let table = MessageTable(
        "QuitRequest",
        [
            FieldRow(1, "stop_daemons", .bool)
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.bool(1, stopDaemons)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: stopDaemons = try reader.bool(field)
            default: break
            }
        }
    }
}
