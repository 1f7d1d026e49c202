package import TLS

extension ClusterAccess {
    /// The TLS settings for a connection to the API server.
    package func tlsContext(credential: Credential, alpn: [String]) throws(TLSError) -> TLSContext {
        let trust: TLSTrust
        if endpoint.insecureSkipVerify {
            trust = .nobodyChecked
        } else if let authorities = endpoint.authorities {
            trust = .authorities(pem: authorities)
        } else {
            trust = .system
        }
        var identity: TLSIdentity?
        if let certificate = credential.certificatePEM, let key = credential.privateKeyPEM {
            identity = TLSIdentity(certificateChainPEM: certificate, privateKeyPEM: key)
        }
        return try TLSContext.client(trust: trust, identity: identity, alpn: alpn)
    }

    /// The header fields that every request of this user carries, names in lower case.
    package func requestFields(credential: Credential) -> [(name: String, value: String)] {
        var fields = [(name: "user-agent", value: "telepresence-swift")]
        if let token = credential.token { fields.append((name: "authorization", value: "Bearer \(token)")) }
        return fields + (impersonation?.headers ?? [])
    }
}
