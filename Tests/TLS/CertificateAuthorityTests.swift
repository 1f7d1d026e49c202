import TLS
import Testing

@Suite struct CertificateAuthorityTests {
    @Test("an authority survives being stored")
    func stored() throws {
        let made = try CertificateAuthority(commonName: "a")
        let again = try CertificateAuthority(certificatePEM: made.certificatePEM, keyPEM: made.keyPEM)
        #expect(again == made)
        _ = try again.issue(commonName: "b")
    }

    @Test("a key of another authority is refused")
    func mixed() throws {
        let one = try CertificateAuthority(commonName: "one")
        let two = try CertificateAuthority(commonName: "two")
        #expect(throws: TLSError.self) {
            try CertificateAuthority(certificatePEM: one.certificatePEM, keyPEM: two.keyPEM)
        }
    }

    @Test("names that a certificate cannot carry are refused", arguments: ["", "a b", "a\u{0}b", "naïve.test"])
    func badNames(name: String) throws {
        let authority = try CertificateAuthority(commonName: "a")
        #expect(throws: TLSError.self) { try authority.issue(commonName: "x", dnsNames: [name]) }
        #expect(throws: TLSError.self) { try authority.issue(commonName: "x", ipAddresses: ["not an address"]) }
    }

    @Test("credentials that cannot be used are refused with the reason")
    func badCredentials() throws {
        let authority = try CertificateAuthority(commonName: "a")
        let good = try authority.issue(commonName: "x")
        let other = try authority.issue(commonName: "y")
        let cases: [(TLSIdentity, String)] = [
            (TLSIdentity(certificateChainPEM: [], privateKeyPEM: good.privateKeyPEM), "holds no PEM certificate"),
            (
                TLSIdentity(certificateChainPEM: good.certificateChainPEM, privateKeyPEM: []),
                "private key cannot be read"
            ),
            (
                TLSIdentity(certificateChainPEM: good.certificateChainPEM, privateKeyPEM: other.privateKeyPEM),
                "does not belong"
            ),
        ]
        for (identity, words) in cases {
            do throws(TLSError) {
                _ = try TLSContext.client(trust: .nobodyChecked, identity: identity, alpn: [])
                Issue.record("accepted: \(words)")
            } catch {
                #expect(error.description.contains(words), "\(error)")
            }
        }
        #expect(throws: TLSError.self) {
            try TLSContext.client(trust: .authorities(pem: Array("nothing".utf8)), identity: nil, alpn: [])
        }
    }

    @Test("the end of validity is reported in seconds since 1970")
    func notAfter() throws {
        let authority = try CertificateAuthority(commonName: "a")
        let server = try authority.issue(commonName: "s", uris: ["spiffe://x/y"], days: 1, validFrom: 0)
        let pair = try TLSPair(
            client: .client(trust: .nobodyChecked, identity: nil, alpn: []),
            server: .server(identity: server, clientTrust: nil, requireClientCertificate: false, alpn: []),
            serverName: nil
        )
        pair.exchange()
        let certificate = try #require(pair.client.peerCertificate)
        #expect(certificate.uris == ["spiffe://x/y"])
        #expect(certificate.der.first == 0x30)
        // 2020-01-01 < notAfter; a day after now whatever the clock says.
        #expect(certificate.notAfter > 1_577_836_800)
    }
}
