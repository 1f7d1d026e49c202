internal import COpenSSL

/// SHA-256 of something: tells certificates apart, and secrets without keeping them.
package struct Fingerprint: Sendable, Hashable {
    private let bytes: [UInt8]

    /// Of any bytes.
    package init(of data: [UInt8]) {
        var digest = [UInt8](repeating: 0, count: 32)
        // Fails for want of memory only; then nothing is equal to it.
        if SHA256(data, data.count, &digest) == nil { digest = data }
        self.bytes = digest
    }

    /// Of each certificate in a list, of its DER.
    ///
    /// - Throws: `badCredentials` when there is none or one of them is broken.
    package static func certificates(pem: [UInt8]) throws(TLSError) -> Set<Fingerprint> {
        let certificates = try PEM.certificates(pem, what: "the list of authorities")
        defer { for certificate in certificates { X509_free(certificate) } }
        return Set(certificates.map { Fingerprint(of: PeerCertificate.der($0)) })
    }
}
