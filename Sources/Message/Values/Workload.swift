/// A workload and what is attached to it.
package struct Workload: WireMessage {
    /// Deployment, StatefulSet or ReplicaSet.
    package var kind: String
    /// Its name.
    package var name: String
    /// Its namespace.
    package var namespace: String
    /// none, installed or intercepted.
    package var agentState: String
    /// Why it cannot be attached to; empty if it can.
    package var notInterceptable: String
    /// What is attached to it.
    package var attachments: [Attachment]
    /// Replicas wanted.
    package var replicas: UInt32
    /// Replicas ready.
    package var ready: UInt32

    package init(
        kind: String = "",
        name: String = "",
        namespace: String = "",
        agentState: String = "",
        notInterceptable: String = "",
        attachments: [Attachment] = [],
        replicas: UInt32 = 0,
        ready: UInt32 = 0
    ) {
        self.kind = kind
        self.name = name
        self.namespace = namespace
        self.agentState = agentState
        self.notInterceptable = notInterceptable
        self.attachments = attachments
        self.replicas = replicas
        self.ready = ready
    }

    /// Every field at its default.
    package init() {
        self.init(kind: "")
    }

    package static let table = MessageTable(
        "Workload",
        [
            FieldRow(1, "kind", .string),
            FieldRow(2, "name", .string),
            FieldRow(3, "namespace", .string),
            FieldRow(4, "agent_state", .string),
            FieldRow(5, "not_interceptable", .string),
            FieldRow(6, "attachments", .repeated(.message("Attachment"))),
            FieldRow(7, "replicas", .unsigned(bits: 32)),
            FieldRow(8, "ready", .unsigned(bits: 32)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, kind)
        writer.string(2, name)
        writer.string(3, namespace)
        writer.string(4, agentState)
        writer.string(5, notInterceptable)
        writer.message(6, attachments)
        writer.unsigned(7, replicas)
        writer.unsigned(8, ready)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: kind = try reader.string(field)
            case 2: name = try reader.string(field)
            case 3: namespace = try reader.string(field)
            case 4: agentState = try reader.string(field)
            case 5: notInterceptable = try reader.string(field)
            case 6: attachments.append(try reader.message(field, repeated: true))
            case 7: replicas = try reader.unsigned(field)
            case 8: ready = try reader.unsigned(field)
            default: break
            }
        }
    }
}
