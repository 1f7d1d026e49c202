/// Who answers a call for status.
package struct ComponentStatus: WireMessage {
    /// traffic-manager, traffic-agent, userd or rootd.
    package var kind: String
    /// Name of the pod or the workstation.
    package var name: String
    /// Version of the program.
    package var version: String
    /// Its process.
    package var pid: UInt32
    /// When it began, in milliseconds since 1970.
    package var started: UInt64
    /// What it is doing, in a word, such as serving or connected.
    package var state: String
    /// What it logs at present.
    package var logLevel: String
    /// Anything else worth knowing, by name.
    package var facts: [String: String]

    package init(
        kind: String = "",
        name: String = "",
        version: String = "",
        pid: UInt32 = 0,
        started: UInt64 = 0,
        state: String = "",
        logLevel: String = "",
        facts: [String: String] = [:]
    ) {
        self.kind = kind
        self.name = name
        self.version = version
        self.pid = pid
        self.started = started
        self.state = state
        self.logLevel = logLevel
        self.facts = facts
    }

    /// Every field at its default.
    package init() {
        self.init(kind: "")
    }

    package static let table = MessageTable(
        "ComponentStatus",
        [
            FieldRow(1, "kind", .string),
            FieldRow(2, "name", .string),
            FieldRow(3, "version", .string),
            FieldRow(4, "pid", .unsigned(bits: 32)),
            FieldRow(5, "started", .unsigned(bits: 64)),
            FieldRow(6, "state", .string),
            FieldRow(7, "log_level", .string),
            FieldRow(8, "facts", .map),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, kind)
        writer.string(2, name)
        writer.string(3, version)
        writer.unsigned(4, pid)
        writer.unsigned(5, started)
        writer.string(6, state)
        writer.string(7, logLevel)
        writer.map(8, facts)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: kind = try reader.string(field)
            case 2: name = try reader.string(field)
            case 3: version = try reader.string(field)
            case 4: pid = try reader.unsigned(field)
            case 5: started = try reader.unsigned(field)
            case 6: state = try reader.string(field)
            case 7: logLevel = try reader.string(field)
            case 8: try reader.mapEntry(field, into: &facts)
            default: break
            }
        }
    }
}
