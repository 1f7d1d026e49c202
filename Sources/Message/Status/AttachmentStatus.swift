/// An attachment, without what is its owner's alone.
package struct AttachmentStatus: WireMessage {
    /// Identifier of the attachment.
    package var id: String
    /// Session that holds it.
    package var sessionID: String
    /// Its name.
    package var name: String
    /// What is done with the traffic.
    package var kind: AttachmentKind
    /// Namespace of the workload.
    package var namespace: String
    /// Name of the workload.
    package var workload: String
    /// How far it has come.
    package var state: AttachmentState
    /// Why it is not active.
    package var message: String
    /// Which requests it is for, for people; empty means all, or that nobody here knows.
    package var filter: String

    package init(
        id: String = "",
        sessionID: String = "",
        name: String = "",
        kind: AttachmentKind = .unknown,
        namespace: String = "",
        workload: String = "",
        state: AttachmentState = .unknown,
        message: String = "",
        filter: String = ""
    ) {
        self.id = id
        self.sessionID = sessionID
        self.name = name
        self.kind = kind
        self.namespace = namespace
        self.workload = workload
        self.state = state
        self.message = message
        self.filter = filter
    }

    /// Every field at its default.
    package init() {
        self.init(id: "")
    }

    package static let table = MessageTable(
        "AttachmentStatus",
        [
            FieldRow(1, "id", .string),
            FieldRow(2, "session_id", .string),
            FieldRow(3, "name", .string),
            FieldRow(4, "kind", .enumeration("AttachmentKind")),
            FieldRow(5, "namespace", .string),
            FieldRow(6, "workload", .string),
            FieldRow(7, "state", .enumeration("AttachmentState")),
            FieldRow(8, "message", .string),
            FieldRow(9, "filter", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, id)
        writer.string(2, sessionID)
        writer.string(3, name)
        writer.enumeration(4, kind)
        writer.string(5, namespace)
        writer.string(6, workload)
        writer.enumeration(7, state)
        writer.string(8, message)
        writer.string(9, filter)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: id = try reader.string(field)
            case 2: sessionID = try reader.string(field)
            case 3: name = try reader.string(field)
            case 4: kind = try reader.enumeration(field)
            case 5: namespace = try reader.string(field)
            case 6: workload = try reader.string(field)
            case 7: state = try reader.enumeration(field)
            case 8: message = try reader.string(field)
            case 9: filter = try reader.string(field)
            default: break
            }
        }
    }
}
