internal import COpenSSL

/// A certificate authority with a P-256 key: makes itself and issues certificates.
package struct CertificateAuthority: Sendable, Equatable {
    /// The authority's own certificate, PEM: what peers pin.
    package let certificatePEM: [UInt8]
    /// The authority's private key, PEM (PKCS #8).
    package let keyPEM: [UInt8]

    /// Makes a new authority.
    ///
    /// - Parameters:
    ///   - commonName: Its subject.
    ///   - days: How long it is valid from now.
    /// - Throws: `library` or `badCredentials` (a name that X.509 does not allow).
    package init(commonName: String, days: Int = 3650) throws(TLSError) {
        let made = try CertificateBuilder.build(
            CertificateBuilder.Subject(commonName: commonName, organizations: []),
            validFrom: -300,
            days: days,
            issuer: nil
        ) { (builder) throws(TLSError) in
            try builder.add(NID_basic_constraints, "critical,CA:TRUE")
            try builder.add(NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature")
            try builder.add(NID_subject_key_identifier, "hash")
        }
        self.certificatePEM = made.certificatePEM
        self.keyPEM = made.keyPEM
    }

    /// Takes up an authority that was stored.
    ///
    /// - Throws: `badCredentials` when either PEM cannot be read or they do not belong together.
    package init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws(TLSError) {
        self.certificatePEM = certificatePEM
        self.keyPEM = keyPEM
        _ = try CertificateBuilder.Issuer(certificatePEM: certificatePEM, keyPEM: keyPEM)
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
        let issuer = try CertificateBuilder.Issuer(certificatePEM: self.certificatePEM, keyPEM: self.keyPEM)
        let made = try CertificateBuilder.build(
            CertificateBuilder.Subject(commonName: commonName, organizations: organizations),
            validFrom: validFrom,
            days: days,
            issuer: issuer
        ) { (builder) throws(TLSError) in
            try builder.add(NID_basic_constraints, "critical,CA:FALSE")
            try builder.add(NID_key_usage, "critical,digitalSignature")
            let purposes =
                (usage.contains(.server) ? ["serverAuth"] : []) + (usage.contains(.client) ? ["clientAuth"] : [])
            if !purposes.isEmpty { try builder.add(NID_ext_key_usage, purposes.joined(separator: ",")) }
            try builder.add(NID_subject_key_identifier, "hash")
            try builder.add(NID_authority_key_identifier, "keyid")
            try builder.addNames(dns: dnsNames, addresses: ipAddresses, uris: uris)
        }
        return TLSIdentity(certificateChainPEM: made.certificatePEM, privateKeyPEM: made.keyPEM)
    }
}
