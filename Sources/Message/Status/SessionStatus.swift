/// A session as the answering component knows it.
package struct SessionStatus: WireMessage {
    /// Identifier of the session.
    package var id: String
    /// Workstation or agent.
    package var kind: ParticipantKind
    /// user@host, or the pod's name.
    package var owner: String
    /// Namespace of the connection or of the pod.
    package var namespace: String
    /// Agents: kind/name of the workload.
    package var workload: String
    /// Version of the participant.
    package var version: String
    /// Its link is there.
    package var linked: Bool
    /// Connections can be sent to it.
    package var reachable: Bool

    package init(
        id: String = "",
        kind: ParticipantKind = .unknown,
        owner: String = "",
        namespace: String = "",
        workload: String = "",
        version: String = "",
        linked: Bool = false,
        reachable: Bool = false
    ) {
        self.id = id
        self.kind = kind
        self.owner = owner
        self.namespace = namespace
        self.workload = workload
        self.version = version
        self.linked = linked
        self.reachable = reachable
    }

    /// Every field at its default.
    package init() {
        self.init(id: "")
    }

    package static let table = MessageTable(
        "SessionStatus",
        [
            FieldRow(1, "id", .string),
            FieldRow(2, "kind", .enumeration("ParticipantKind")),
            FieldRow(3, "owner", .string),
            FieldRow(4, "namespace", .string),
            FieldRow(5, "workload", .string),
            FieldRow(6, "version", .string),
            FieldRow(7, "linked", .bool),
            FieldRow(8, "reachable", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, id)
        writer.enumeration(2, kind)
        writer.string(3, owner)
        writer.string(4, namespace)
        writer.string(5, workload)
        writer.string(6, version)
        writer.bool(7, linked)
        writer.bool(8, reachable)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: id = try reader.string(field)
            case 2: kind = try reader.enumeration(field)
            case 3: owner = try reader.string(field)
            case 4: namespace = try reader.string(field)
            case 5: workload = try reader.string(field)
            case 6: version = try reader.string(field)
            case 7: linked = try reader.bool(field)
            case 8: reachable = try reader.bool(field)
            default: break
            }
        }
    }
}
