internal import COpenSSL

/// A certificate authority with a P-256 key: makes itself and issues certificates.
///
/// It is parsed once: OpenSSL takes a millisecond for a key's PEM, ten times as long as for signing with it.
package struct CertificateAuthority: Sendable {
    /// The authority's own certificate, PEM: what peers pin.
    package let certificatePEM: [UInt8]
    /// The authority's private key, PEM (PKCS #8).
    package let keyPEM: [UInt8]
    private let issuer: CertificateBuilder.Issuer

    /// Makes a new authority.
    ///
    /// - Parameters:
    ///   - commonName: Its subject.
    ///   - days: How long it is valid from now.
    /// - Throws: `library` or `badCredentials` (a name that X.509 does not allow).
    package init(commonName: String, days: Int = 3650) throws(TLSError) {
        let made = try CertificateBuilder.build(
            CertificateBuilder.Subject(commonName: commonName, organizations: []),
            CertificateValidity(seconds: days * 86_400),
            issuer: nil,
            extensions: Self.marks
        )
        try self.init(certificatePEM: made.certificatePEM, keyPEM: made.keyPEM)
    }

    /// Takes up an authority that was stored.
    ///
    /// - Throws: `badCredentials` when either PEM cannot be read or they do not belong together.
    package init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws(TLSError) {
        self.certificatePEM = certificatePEM
        self.keyPEM = keyPEM
        self.issuer = try CertificateBuilder.Issuer(certificatePEM: certificatePEM, keyPEM: keyPEM)
    }

    /// Issues a certificate with a fresh P-256 key.
    ///
    /// - Parameters:
    ///   - commonName: CN of the subject (at most 64 bytes); in Kubernetes, the user.
    ///   - organizations: O of the subject; in Kubernetes, the groups.
    ///   - dnsNames: DNS names; `*.` as first label is a wildcard.
    ///   - ipAddresses: IPv4 or IPv6 addresses in text.
    ///   - uris: URIs.
    ///   - days: How long it is valid from its beginning.
    ///   - validFrom: Beginning of validity, in seconds from now; a little in the past, for clocks that differ.
    ///   - usage: As server, client or both.
    /// - Returns: Certificate and key.
    /// - Throws: `badCredentials` for a name or address that cannot be one.
    package func issue(
        commonName: String,
        organizations: [String] = [],
        dnsNames: [String] = [],
        ipAddresses: [String] = [],
        uris: [String] = [],
        days: Int = 365,
        validFrom: Int = -300,
        usage: CertificateUsage = [.server, .client]
    ) throws(TLSError) -> TLSIdentity {
        let made = try CertificateBuilder.build(
            CertificateBuilder.Subject(commonName: commonName, organizations: organizations),
            CertificateValidity(from: validFrom, seconds: days * 86_400),
            issuer: issuer
        ) { (builder) throws(TLSError) in
            try Self.mark(builder, usage)
            try builder.addNames(dns: dnsNames, addresses: ipAddresses, uris: uris)
        }
        return TLSIdentity(certificateChainPEM: made.certificatePEM, privateKeyPEM: made.keyPEM)
    }

    /// Issues a certificate for a key that somebody else keeps.
    ///
    /// - Parameters:
    ///   - publicKey: SubjectPublicKeyInfo, DER; an elliptic curve key on P-256.
    ///   - commonName: CN of the subject.
    ///   - uris: URIs.
    ///   - validity: From when and for how long.
    ///   - usage: As server, client or both.
    /// - Returns: The certificate, PEM.
    /// - Throws: `badCredentials` for a key that is none, and for names that cannot be some.
    package func certify(
        publicKey: [UInt8],
        commonName: String,
        uris: [String],
        validity: CertificateValidity,
        usage: CertificateUsage
    ) throws(TLSError) -> [UInt8] {
        try CertificateBuilder.build(
            CertificateBuilder.Subject(commonName: commonName, organizations: []),
            validity,
            key: .point(PublicKeyInfo.point(of: publicKey)),
            issuer: issuer
        ) { (builder) throws(TLSError) in
            try Self.mark(builder, usage)
            try builder.addNames(dns: [], addresses: [], uris: uris)
        }
    }

    /// Vouches for another authority, so that who trusts this one trusts that one, too.
    ///
    /// - Parameters:
    ///   - other: The authority.
    ///   - seconds: For how long from now.
    /// - Returns: A certificate with the other's name and key, PEM, to be shown after a leaf.
    /// - Throws: `library` when OpenSSL fails.
    package func crossSign(_ other: CertificateAuthority, seconds: Int) throws(TLSError) -> [UInt8] {
        let name = try PeerCertificate(pem: other.certificatePEM).commonName ?? ""
        return try CertificateBuilder.build(
            CertificateBuilder.Subject(commonName: name, organizations: []),
            CertificateValidity(seconds: seconds),
            key: .pair(PEM.privateKey(other.keyPEM)),
            issuer: issuer
        ) { (builder) throws(TLSError) in
            try Self.marks(builder)
            try builder.add(NID_authority_key_identifier, "keyid")
        }
    }

    /// What makes a certificate one of an authority.
    private static func marks(_ builder: CertificateBuilder) throws(TLSError) {
        try builder.add(NID_basic_constraints, "critical,CA:TRUE")
        try builder.add(NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature")
        try builder.add(NID_subject_key_identifier, "hash")
    }

    /// What makes a certificate one of a server or client.
    private static func mark(_ builder: CertificateBuilder, _ usage: CertificateUsage) throws(TLSError) {
        try builder.add(NID_basic_constraints, "critical,CA:FALSE")
        try builder.add(NID_key_usage, "critical,digitalSignature")
        let purposes =
            (usage.contains(.server) ? ["serverAuth"] : []) + (usage.contains(.client) ? ["clientAuth"] : [])
        if !purposes.isEmpty { try builder.add(NID_ext_key_usage, purposes.joined(separator: ",")) }
        try builder.add(NID_subject_key_identifier, "hash")
        try builder.add(NID_authority_key_identifier, "keyid")
    }
}

extension CertificateAuthority: Equatable {
    package static func == (one: CertificateAuthority, other: CertificateAuthority) -> Bool {
        one.certificatePEM == other.certificatePEM && one.keyPEM == other.keyPEM
    }
}
