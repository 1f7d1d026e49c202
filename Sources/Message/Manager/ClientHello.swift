/// What a workstation says of itself.
package struct ClientHello: WireMessage {
    /// Name of the user.
    package var user: String
    /// Name of the workstation.
    package var host: String
    /// Identifier of the installation.
    package var installID: String
    /// Namespace of the connection.
    package var namespace: String
    /// What it holds, as the manager told it, to be held again when the manager has forgotten it.
    package var attachments: [Attachment]

    package init(
        user: String = "",
        host: String = "",
        installID: String = "",
        namespace: String = "",
        attachments: [Attachment] = []
    ) {
        self.user = user
        self.host = host
        self.installID = installID
        self.namespace = namespace
        self.attachments = attachments
    }

    /// Every field at its default.
    package init() {
        self.init(user: "")
    }

    package static let table = MessageTable(
        "ClientHello",
        [
            FieldRow(1, "user", .string),
            FieldRow(2, "host", .string),
            FieldRow(3, "install_id", .string),
            FieldRow(4, "namespace", .string),
            FieldRow(5, "attachments", .repeated(.message("Attachment"))),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, user)
        writer.string(2, host)
        writer.string(3, installID)
        writer.string(4, namespace)
        writer.message(5, attachments)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: user = try reader.string(field)
            case 2: host = try reader.string(field)
            case 3: installID = try reader.string(field)
            case 4: namespace = try reader.string(field)
            case 5: attachments.append(try reader.message(field, repeated: true))
            default: break
            }
        }
    }
}
