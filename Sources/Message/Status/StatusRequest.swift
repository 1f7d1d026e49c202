/// Asks a component, or the one behind it, for its state.
package struct StatusRequest: WireMessage {
    /// Whom to ask: empty means who answers; manager, agent/NAMESPACE/POD or session/ID are passed on.
    package var target: String
    /// The snapshot is enough: the stream ends after it.
    package var once: Bool

    package init(
        target: String = "",
        once: Bool = false
    ) {
        self.target = target
        self.once = once
    }

    /// Every field at its default.
    package init() {
        self.init(target: "")
    }

    package static let table = MessageTable(
        "StatusRequest",
        [
            FieldRow(1, "target", .string),
            FieldRow(2, "once", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, target)
        writer.bool(2, once)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: target = try reader.string(field)
            case 2: once = try reader.bool(field)
            default: break
            }
        }
    }
}
