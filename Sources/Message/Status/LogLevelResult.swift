/// What a change of log level did.
package struct LogLevelResult: WireMessage {
    /// The level before.
    package var former: String
    /// Agents that were told.
    package var agents: UInt32

    package init(
        former: String = "",
        agents: UInt32 = 0
    ) {
        self.former = former
        self.agents = agents
    }

    /// Every field at its default.
    package init() {
        self.init(former: "")
    }

    package static let table = MessageTable(
        "LogLevelResult",
        [
            FieldRow(1, "former", .string),
            FieldRow(2, "agents", .unsigned(bits: 32)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, former)
        writer.unsigned(2, agents)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: former = try reader.string(field)
            case 2: agents = try reader.unsigned(field)
            default: break
            }
        }
    }
}
