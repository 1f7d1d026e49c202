package import TLS

/// Contexts of two sides that trust each other; the server is `server.test`.
package struct TestTLS {
    package let client: TLSContext
    package let server: TLSContext

    package init(client: [String], server: [String]) throws {
        let authority = try CertificateAuthority(commonName: "test authority")
        let identity = try authority.issue(commonName: "server", dnsNames: ["server.test"])
        self.client = try .client(trust: .authorities(pem: authority.certificatePEM), identity: nil, alpn: client)
        self.server = try .server(
            identity: identity,
            clientTrust: nil,
            requireClientCertificate: false,
            alpn: server
        )
    }
}
