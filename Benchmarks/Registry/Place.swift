import FoundationEssentials
import TLS

/// Where the manager is, and who vouches for it.
struct Place {
    /// The name in the manager's certificate.
    static let serverName = "traffic-manager.ambassador.svc"

    let port: Int
    let authority: CertificateAuthority

    /// Reads the authority from `directory`, or makes it there.
    init(directory: String, port: Int) throws {
        self.port = port
        let (certificate, key) = (directory + "/ca.pem", directory + "/ca.key")
        if let certificatePEM = FileManager.default.contents(atPath: certificate),
            let keyPEM = FileManager.default.contents(atPath: key)
        {
            authority = try CertificateAuthority(certificatePEM: Array(certificatePEM), keyPEM: Array(keyPEM))
        } else {
            authority = try CertificateAuthority(commonName: "bench")
            try Data(authority.keyPEM).write(to: URL(filePath: key))
            try Data(authority.certificatePEM).write(to: URL(filePath: certificate))
        }
    }

    /// What participants dial with.
    func client(_ alpn: String) throws -> TLSContext {
        try TLSContext.client(
            trust: .authorities(pem: authority.certificatePEM),
            identity: nil,
            alpn: [alpn],
            minimumVersion: .v1_3
        )
    }
}
