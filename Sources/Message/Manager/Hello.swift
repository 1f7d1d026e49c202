/// The first message of a participant on its session stream.
package struct Hello: WireMessage {
    /// Client or agent.
    package var kind: ParticipantKind
    /// The session to resume; empty the first time.
    package var sessionID: String
    /// Version of the participant.
    package var version: String
    /// Present when the kind is client.
    package var client: ClientHello?
    /// Present when the kind is agent.
    package var agent: AgentHello?
    /// The secret of the session to resume, from Welcome.
    package var secret: [UInt8]
    /// The bearer token that proves who it is; empty when a certificate on the link does.
    package var credential: String
    /// The key that a certificate is wanted for: SubjectPublicKeyInfo, DER; empty for none.
    package var publicKey: [UInt8]

    package init(
        kind: ParticipantKind = .unknown,
        sessionID: String = "",
        version: String = "",
        client: ClientHello? = nil,
        agent: AgentHello? = nil,
        secret: [UInt8] = [],
        credential: String = "",
        publicKey: [UInt8] = []
    ) {
        self.kind = kind
        self.sessionID = sessionID
        self.version = version
        self.client = client
        self.agent = agent
        self.secret = secret
        self.credential = credential
        self.publicKey = publicKey
    }

    /// Every field at its default.
    package init() {
        self.init(kind: .unknown)
    }

    package static let table = MessageTable(
        "Hello",
        [
            FieldRow(1, "kind", .enumeration("ParticipantKind")),
            FieldRow(2, "session_id", .string),
            FieldRow(3, "version", .string),
            FieldRow(4, "client", .optional(.message("ClientHello"))),
            FieldRow(5, "agent", .optional(.message("AgentHello"))),
            FieldRow(6, "secret", .bytes),
            FieldRow(7, "credential", .string),
            FieldRow(8, "public_key", .bytes),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.enumeration(1, kind)
        writer.string(2, sessionID)
        writer.string(3, version)
        writer.message(4, client)
        writer.message(5, agent)
        writer.bytes(6, secret)
        writer.string(7, credential)
        writer.bytes(8, publicKey)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: kind = try reader.enumeration(field)
            case 2: sessionID = try reader.string(field)
            case 3: version = try reader.string(field)
            case 4: client = try reader.message(field)
            case 5: agent = try reader.message(field)
            case 6: secret = try reader.bytes(field)
            case 7: credential = try reader.string(field)
            case 8: publicKey = try reader.bytes(field)
            default: break
            }
        }
    }
}
