internal import COpenSSL

/// Reading and writing of PEM through memory.
enum PEM {
    /// Parses every certificate in `bytes`.
    ///
    /// - Returns: One owned reference each, never empty; the caller frees them.
    /// - Throws: `badCredentials` when there is none or one of them is broken.
    static func certificates(_ bytes: [UInt8], what: String) throws(TLSError) -> [OpaquePointer] {
        var found: [OpaquePointer] = []
        let failure: TLSError? = self.withBIO(bytes) { bio in
            while true {
                ErrorQueue.clear()
                if let certificate = PEM_read_bio_X509(bio, nil, self.noPassword, nil) {
                    found.append(certificate)
                    continue
                }
                let code = ERR_peek_last_error()
                let text = ErrorQueue.takeText()
                // The end of the text is reported as "no start line", too.
                if tp_ERR_library(code) == ERR_LIB_PEM, tp_ERR_reason(code) == PEM_R_NO_START_LINE {
                    return found.isEmpty ? .badCredentials(reason: "\(what) holds no PEM certificate") : nil
                }
                return .badCredentials(reason: "\(what) holds a broken certificate: \(text)")
            }
        }
        guard let failure else { return found }
        for certificate in found { X509_free(certificate) }
        throw failure
    }

    /// Parses the first private key in `bytes`.
    ///
    /// - Returns: An owned reference; the caller frees it.
    /// - Throws: `badCredentials` when there is none, or it is encrypted or broken.
    static func privateKey(_ bytes: [UInt8]) throws(TLSError) -> OpaquePointer {
        ErrorQueue.clear()
        let key = self.withBIO(bytes) { PEM_read_bio_PrivateKey($0, nil, self.noPassword, nil) }
        guard let key else {
            throw .badCredentials(reason: "the private key cannot be read: \(ErrorQueue.takeText())")
        }
        return key
    }

    /// Runs `write` with a BIO and returns what it wrote; nil when it says it failed.
    static func text(_ write: (OpaquePointer) -> Bool) -> [UInt8]? {
        guard let bio = BIO_new(BIO_s_mem()) else { return nil }
        defer { BIO_free(bio) }
        guard write(bio) else { return nil }
        var data: UnsafeMutablePointer<CChar>?
        let count = tp_BIO_memory(bio, &data)
        guard let data, count > 0 else { return nil }
        return [UInt8](UnsafeRawBufferPointer(start: data, count: count))
    }

    /// Answers that there is no password: OpenSSL's own callback would ask on the terminal.
    static let noPassword:
        @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 =
            { _, _, _, _ in -1 }

    private static func withBIO<Value>(_ bytes: [UInt8], _ body: (OpaquePointer?) -> Value) -> Value {
        bytes.withUnsafeBytes { raw in
            let bio = BIO_new_mem_buf(raw.baseAddress, Int32(clamping: raw.count))
            defer { BIO_free(bio) }
            return body(bio)
        }
    }
}
