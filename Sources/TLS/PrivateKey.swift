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

    /// Reads a public key from outside; the caller frees it.
    static func readPublic(_ der: [UInt8]) throws(TLSError) -> OpaquePointer {
        ErrorQueue.clear()
        // A key on P-256 has 91 bytes; anything much longer is none.
        guard !der.isEmpty, der.count <= 256 else { throw .badCredentials(reason: "the public key is none on P-256") }
        let key = der.withUnsafeBufferPointer { buffer -> OpaquePointer? in
            var cursor = buffer.baseAddress
            guard let key = d2i_PUBKEY(nil, &cursor, buffer.count) else { return nil }
            guard cursor == buffer.baseAddress.map({ $0 + buffer.count }) else {
                EVP_PKEY_free(key)
                return nil
            }
            return key
        }
        guard let key else { throw .badCredentials(reason: "the public key cannot be read: \(ErrorQueue.takeText())") }
        var name = [CChar](repeating: 0, count: 32)
        guard EVP_PKEY_get_group_name(key, &name, name.count, nil) == 1,
            ["prime256v1", "P-256"].contains(
                String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            )
        else {
            EVP_PKEY_free(key)
            throw .badCredentials(reason: "the public key is none on P-256")
        }
        return key
    }
}
