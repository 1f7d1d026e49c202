/// Changes what a component logs.
package struct LogLevelRequest: WireMessage {
    /// Whom to ask, as in StatusRequest.
    package var target: String
    /// The new level, such as debug.
    package var level: String
    /// Seconds until the former level comes back; 0 means never.
    package var durationSeconds: UInt64
    /// Manager: all traffic agents, too.
    package var agents: Bool

    package init(
        target: String = "",
        level: String = "",
        durationSeconds: UInt64 = 0,
        agents: Bool = false
    ) {
        self.target = target
        self.level = level
        self.durationSeconds = durationSeconds
        self.agents = agents
    }

    /// Every field at its default.
    package init() {
        self.init(target: "")
    }

    package static let table = MessageTable(
        "LogLevelRequest",
        [
            FieldRow(1, "target", .string),
            FieldRow(2, "level", .string),
            FieldRow(3, "duration_s", .unsigned(bits: 64)),
            FieldRow(4, "agents", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, target)
        writer.string(2, level)
        writer.unsigned(3, durationSeconds)
        writer.bool(4, agents)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: target = try reader.string(field)
            case 2: level = try reader.string(field)
            case 3: durationSeconds = try reader.unsigned(field)
            case 4: agents = try reader.bool(field)
            default: break
            }
        }
    }
}
