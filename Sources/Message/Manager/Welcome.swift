/// The manager's answer to Hello.
package struct Welcome: WireMessage {
    /// The session, new or resumed.
    package var sessionID: String
    /// Proves when resuming that the session is one's own.
    package var secret: [UInt8]
    /// Version of the manager.
    package var managerVersion: String
    /// The cluster's network; for clients.
    package var cluster: ClusterInfo?
    /// The session of Hello was still known.
    package var resumed: Bool
    /// For every later link, when Hello had a key.
    package var certificate: IssuedCertificate?

    package init(
        sessionID: String = "",
        secret: [UInt8] = [],
        managerVersion: String = "",
        cluster: ClusterInfo? = nil,
        resumed: Bool = false,
        certificate: IssuedCertificate? = nil
    ) {
        self.sessionID = sessionID
        self.secret = secret
        self.managerVersion = managerVersion
        self.cluster = cluster
        self.resumed = resumed
        self.certificate = certificate
    }

    /// Every field at its default.
    package init() {
        self.init(sessionID: "")
    }

    package static let table = MessageTable(
        "Welcome",
        [
            FieldRow(1, "session_id", .string),
            FieldRow(2, "secret", .bytes),
            FieldRow(3, "manager_version", .string),
            FieldRow(4, "cluster", .optional(.message("ClusterInfo"))),
            FieldRow(5, "resumed", .bool),
            FieldRow(6, "certificate", .optional(.message("IssuedCertificate"))),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, sessionID)
        writer.bytes(2, secret)
        writer.string(3, managerVersion)
        writer.message(4, cluster)
        writer.bool(5, resumed)
        writer.message(6, certificate)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: sessionID = try reader.string(field)
            case 2: secret = try reader.bytes(field)
            case 3: managerVersion = try reader.string(field)
            case 4: cluster = try reader.message(field)
            case 5: resumed = try reader.bool(field)
            case 6: certificate = try reader.message(field)
            default: break
            }
        }
    }
}
