/// Asks for what a component has logged.
package struct LogRequest: WireMessage {
    /// Whom to ask, as in StatusRequest.
    package var target: String
    /// Go on with what is logged from now on.
    package var follow: Bool
    /// No lines older than so many milliseconds; 0 means all that are kept.
    package var sinceMilliseconds: UInt64
    /// No more than so many old lines; 0 means all that are kept.
    package var tail: UInt32

    package init(
        target: String = "",
        follow: Bool = false,
        sinceMilliseconds: UInt64 = 0,
        tail: UInt32 = 0
    ) {
        self.target = target
        self.follow = follow
        self.sinceMilliseconds = sinceMilliseconds
        self.tail = tail
    }

    /// Every field at its default.
    package init() {
        self.init(target: "")
    }

    package static let table = MessageTable(
        "LogRequest",
        [
            FieldRow(1, "target", .string),
            FieldRow(2, "follow", .bool),
            FieldRow(3, "since_ms", .unsigned(bits: 64)),
            FieldRow(4, "tail", .unsigned(bits: 32)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, target)
        writer.bool(2, follow)
        writer.unsigned(3, sinceMilliseconds)
        writer.unsigned(4, tail)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: target = try reader.string(field)
            case 2: follow = try reader.bool(field)
            case 3: sinceMilliseconds = try reader.unsigned(field)
            case 4: tail = try reader.unsigned(field)
            default: break
            }
        }
    }
}
