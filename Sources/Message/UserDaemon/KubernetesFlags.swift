/// What kubectl's flags say of the way to the API server, otherwise than the kubeconfig.
package struct KubernetesFlags: WireMessage {
    /// Entry of the kubeconfig to use as the cluster; empty means that of the context.
    package var cluster: String
    /// Entry to use as the user; empty means that of the context.
    package var user: String
    /// URL of the API server, instead of that of the cluster.
    package var server: String
    /// Absolute path of the certificates of the authorities, instead of those of the cluster.
    package var certificateAuthority: String
    /// Name that the certificate of the server must carry.
    package var tlsServerName: String
    /// The certificate of the server is not checked.
    package var insecureSkipVerify: Bool
    /// Bearer token, instead of that of the user.
    package var token: String
    /// Absolute path of the client certificate, instead of that of the user.
    package var clientCertificate: String
    /// Absolute path of its key.
    package var clientKey: String
    /// User to impersonate.
    package var asUser: String
    /// Groups to impersonate.
    package var asGroups: [String]
    /// UID to impersonate.
    package var asUID: String
    /// The most that one request to the API server may take; 0 means no such limit.
    package var requestTimeoutMilliseconds: UInt64

    package init(
        cluster: String = "",
        user: String = "",
        server: String = "",
        certificateAuthority: String = "",
        tlsServerName: String = "",
        insecureSkipVerify: Bool = false,
        token: String = "",
        clientCertificate: String = "",
        clientKey: String = "",
        asUser: String = "",
        asGroups: [String] = [],
        asUID: String = "",
        requestTimeoutMilliseconds: UInt64 = 0
    ) {
        self.cluster = cluster
        self.user = user
        self.server = server
        self.certificateAuthority = certificateAuthority
        self.tlsServerName = tlsServerName
        self.insecureSkipVerify = insecureSkipVerify
        self.token = token
        self.clientCertificate = clientCertificate
        self.clientKey = clientKey
        self.asUser = asUser
        self.asGroups = asGroups
        self.asUID = asUID
        self.requestTimeoutMilliseconds = requestTimeoutMilliseconds
    }

    /// Every field at its default.
    package init() {
        self.init(cluster: "")
    }

    package static let table = MessageTable(
        "KubernetesFlags",
        [
            FieldRow(1, "cluster", .string),
            FieldRow(2, "user", .string),
            FieldRow(3, "server", .string),
            FieldRow(4, "certificate_authority", .string),
            FieldRow(5, "tls_server_name", .string),
            FieldRow(6, "insecure_skip_tls_verify", .bool),
            FieldRow(7, "token", .string),
            FieldRow(8, "client_certificate", .string),
            FieldRow(9, "client_key", .string),
            FieldRow(10, "as_user", .string),
            FieldRow(11, "as_groups", .repeated(.string)),
            FieldRow(12, "as_uid", .string),
            FieldRow(13, "request_timeout_ms", .unsigned(bits: 64)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, cluster)
        writer.string(2, user)
        writer.string(3, server)
        writer.string(4, certificateAuthority)
        writer.string(5, tlsServerName)
        writer.bool(6, insecureSkipVerify)
        writer.string(7, token)
        writer.string(8, clientCertificate)
        writer.string(9, clientKey)
        writer.string(10, asUser)
        writer.string(11, asGroups)
        writer.string(12, asUID)
        writer.unsigned(13, requestTimeoutMilliseconds)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: cluster = try reader.string(field)
            case 2: user = try reader.string(field)
            case 3: server = try reader.string(field)
            case 4: certificateAuthority = try reader.string(field)
            case 5: tlsServerName = try reader.string(field)
            case 6: insecureSkipVerify = try reader.bool(field)
            case 7: token = try reader.string(field)
            case 8: clientCertificate = try reader.string(field)
            case 9: clientKey = try reader.string(field)
            case 10: asUser = try reader.string(field)
            case 11: asGroups.append(try reader.string(field, repeated: true))
            case 12: asUID = try reader.string(field)
            case 13: requestTimeoutMilliseconds = try reader.unsigned(field)
            default: break
            }
        }
    }
}
