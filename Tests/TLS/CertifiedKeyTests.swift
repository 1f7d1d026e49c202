import Testing

@testable import TLS

@Suite("Certificates for keys that others keep")
struct CertifiedKeyTests {
    private let authority: CertificateAuthority

    init() throws { authority = try CertificateAuthority(commonName: "a") }

    private func certify(_ key: [UInt8]) throws(TLSError) -> [UInt8] {
        try authority.certify(
            publicKey: key,
            commonName: "agent x",
            uris: ["telepresence://session/1"],
            validity: CertificateValidity(seconds: 60),
            usage: [.client]
        )
    }

    @Test("The certificate is that of the key, so that both can be shown together")
    func belongs() throws {
        let key = try PrivateKey()
        let certificate = try certify(key.publicKey)
        #expect(try PeerCertificate(pem: certificate).commonName == "agent x")
        #expect(try PeerCertificate(pem: certificate).uris == ["telepresence://session/1"])
        let identity = TLSIdentity(certificateChainPEM: certificate, privateKeyPEM: key.pem)
        _ = try TLSContext.client(trust: .authorities(pem: authority.certificatePEM), identity: identity, alpn: [])
        let other = TLSIdentity(certificateChainPEM: certificate, privateKeyPEM: try PrivateKey().pem)
        #expect(throws: TLSError.self) {
            try TLSContext.client(trust: .authorities(pem: authority.certificatePEM), identity: other, alpn: [])
        }
    }

    @Test("An authority that was stored issues the same, again and again")
    func again() throws {
        let stored = try CertificateAuthority(certificatePEM: authority.certificatePEM, keyPEM: authority.keyPEM)
        for _ in 0..<3 {
            let key = try PrivateKey()
            let certificate = try stored.certify(
                publicKey: key.publicKey,
                commonName: "c",
                uris: [],
                validity: CertificateValidity(seconds: 60),
                usage: [.client]
            )
            let identity = TLSIdentity(certificateChainPEM: certificate, privateKeyPEM: key.pem)
            _ = try TLSContext.client(trust: .authorities(pem: stored.certificatePEM), identity: identity, alpn: [])
        }
    }

    @Test("What is no key on P-256 is refused", arguments: ["empty", "short", "long", "compressed", "off", "curve"])
    func refused(fault: String) throws {
        let good = try PrivateKey().publicKey
        var key = good
        switch fault {
        case "empty": key = []
        case "short": key.removeLast()
        case "long": key.append(0)
        case "compressed": key[26] = 2
        // A point with another ordinate is not on the curve.
        case "off": key[90] ^= 1
        default: key[22] = 6
        }
        #expect(throws: TLSError.badCredentials(reason: "the public key is none on P-256")) { try certify(key) }
    }
}
