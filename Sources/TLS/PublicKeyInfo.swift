internal import COpenSSL

/// A public key on P-256 as others send it: SubjectPublicKeyInfo in DER (RFC 5480), which for this curve has one form only.
enum PublicKeyInfo {
    /// What stands before the point: the algorithm, the curve, and a string of 66 bytes.
    private static let head: [UInt8] = [
        0x30, 0x59,  // the whole
        0x30, 0x13,  // the algorithm
        0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,  // ecPublicKey
        0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07,  // prime256v1
        0x03, 0x42, 0x00,  // the key
    ]
    /// A byte that says that it is uncompressed, and two coordinates.
    private static let pointLength = 65

    // Made once and only read; OpenSSL's questions about a group change nothing in it.
    nonisolated(unsafe) private static let curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)

    /// Reads the point, which is on the curve.
    ///
    /// - Throws: `badCredentials` for anything else.
    static func point(of der: [UInt8]) throws(TLSError) -> [UInt8] {
        let point = Array(der.dropFirst(self.head.count))
        guard der.starts(with: self.head), point.count == self.pointLength, point.first == 4, self.isOnCurve(point)
        else {
            throw .badCredentials(reason: "the public key is none on P-256")
        }
        return point
    }

    private static func isOnCurve(_ bytes: [UInt8]) -> Bool {
        guard let curve = self.curve, let point = EC_POINT_new(curve) else { return false }
        defer {
            EC_POINT_free(point)
            ErrorQueue.clear()
        }
        return EC_POINT_oct2point(curve, point, bytes, bytes.count, nil) == 1
    }
}
