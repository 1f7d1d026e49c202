internal import COpenSSL

/// A key on P-256 whose certificate somebody else issues.
package struct PrivateKey: Sendable, Equatable {
    /// PEM (PKCS #8), unencrypted.
    package let pem: [UInt8]
    /// SubjectPublicKeyInfo, DER.
    package let publicKey: [UInt8]

    /// Makes a new one.
    ///
    /// - Throws: `library` when OpenSSL fails.
    package init() throws(TLSError) {
        ErrorQueue.clear()
        guard let key = tp_generate_p256() else { throw .library(detail: ErrorQueue.takeText()) }
        defer { EVP_PKEY_free(key) }
        let count = Int(i2d_PUBKEY(key, nil))
        guard count > 0, let pem = PEM.text({ PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) == 1 }) else {
            throw .library(detail: ErrorQueue.takeText())
        }
        self.pem = pem
        self.publicKey = [UInt8](unsafeUninitializedCapacity: count) { room, used in
            var cursor = room.baseAddress
            used = max(0, Int(i2d_PUBKEY(key, &cursor)))
        }
    }

    /// The key as OpenSSL's; the caller frees it.
    func pointer() throws(TLSError) -> OpaquePointer { try PEM.privateKey(self.pem) }
}
