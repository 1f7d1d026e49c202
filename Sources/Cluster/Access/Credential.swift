/// What a client shows to the API server: a bearer token, a certificate, or neither.
package struct Credential: Sendable, Hashable {
    package var token: String?
    /// The certificate chain, PEM; goes with ``privateKeyPEM``.
    package var certificatePEM: [UInt8]?
    package var privateKeyPEM: [UInt8]?

    package init(token: String? = nil, certificatePEM: [UInt8]? = nil, privateKeyPEM: [UInt8]? = nil) {
        self.token = token
        self.certificatePEM = certificatePEM
        self.privateKeyPEM = privateKeyPEM
    }

    /// Shows nothing.
    package static var anonymous: Credential { Credential() }
}
