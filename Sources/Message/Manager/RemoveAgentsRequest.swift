/// Asks for workloads without agents.
package struct RemoveAgentsRequest: WireMessage {
    /// The session of the asker, which must be live; the user daemon fills it in.
    package var sessionID: String
    /// Namespace; empty means that of the session.
    package var namespace: String
    /// Workloads, by name or kind/name.
    package var workloads: [String]
    /// All workloads of the namespace that have agents.
    package var all: Bool

    package init(
        sessionID: String = "",
        namespace: String = "",
        workloads: [String] = [],
        all: Bool = false
    ) {
        self.sessionID = sessionID
        self.namespace = namespace
        self.workloads = workloads
        self.all = all
    }

    /// Every field at its default.
    package init() {
        self.init(sessionID: "")
    }

    package static let table = MessageTable(
        "RemoveAgentsRequest",
        [
            FieldRow(1, "session_id", .string),
            FieldRow(2, "namespace", .string),
            FieldRow(3, "workloads", .repeated(.string)),
            FieldRow(4, "all", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, sessionID)
        writer.string(2, namespace)
        writer.string(3, workloads)
        writer.bool(4, all)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: sessionID = try reader.string(field)
            case 2: namespace = try reader.string(field)
            case 3: workloads.append(try reader.string(field, repeated: true))
            case 4: all = try reader.bool(field)
            default: break
            }
        }
    }
}
