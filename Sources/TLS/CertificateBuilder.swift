internal import COpenSSL

/// Puts one certificate together; owns the OpenSSL objects until it ends.
final class CertificateBuilder {
    /// Whom the certificate is about.
    struct Subject {
        let commonName: String
        let organizations: [String]
    }

    /// What is certified.
    enum Key {
        /// A whole key, which is taken over.
        case pair(OpaquePointer)
        /// A point on P-256, uncompressed: the public half of somebody's key.
        case point([UInt8])
    }

    /// The authority that signs, parsed.
    ///
    /// Any thread may sign with it.
    final class Issuer: Sendable {
        // OpenSSL locks what it works out later of these two, and nothing here changes them after `init`.
        nonisolated(unsafe) let certificate: OpaquePointer
        // As the certificate.
        nonisolated(unsafe) let key: OpaquePointer

        init(certificatePEM: [UInt8], keyPEM: [UInt8]) throws(TLSError) {
            let certificates = try PEM.certificates(certificatePEM, what: "the authority's certificate")
            for extra in certificates.dropFirst() { X509_free(extra) }
            let key: OpaquePointer
            do throws(TLSError) {
                key = try PEM.privateKey(keyPEM)
            } catch {
                X509_free(certificates[0])
                throw error
            }
            self.certificate = certificates[0]
            self.key = key
            ErrorQueue.clear()
            guard X509_check_private_key(self.certificate, key) == 1 else {
                throw .badCredentials(
                    reason: "the authority's key does not belong to its certificate: \(ErrorQueue.takeText())"
                )
            }
        }

        deinit {
            X509_free(self.certificate)
            EVP_PKEY_free(self.key)
        }
    }

    private let certificate: OpaquePointer
    /// The whole key, where there is one.
    private let key: OpaquePointer?
    private let issuer: Issuer?

    /// Takes a whole key over.
    private init(key: OpaquePointer?, issuer: Issuer?) throws(TLSError) {
        guard let certificate = X509_new() else {
            EVP_PKEY_free(key)
            throw .library(detail: "out of memory")
        }
        self.certificate = certificate
        self.key = key
        self.issuer = issuer
    }

    deinit {
        X509_free(self.certificate)
        EVP_PKEY_free(self.key)
    }

    /// Makes a key and a certificate for it, signed by `issuer` or, without one, by itself.
    static func build(
        _ subject: Subject,
        _ validity: CertificateValidity,
        issuer: Issuer?,
        extensions: (CertificateBuilder) throws(TLSError) -> Void
    ) throws(TLSError) -> (certificatePEM: [UInt8], keyPEM: [UInt8]) {
        let key = try PrivateKey()
        let certificate = try build(
            subject,
            validity,
            key: .pair(key.pointer()),
            issuer: issuer,
            extensions: extensions
        )
        return (certificate, key.pem)
    }

    /// Makes a certificate for `key`: the issuer signs or, without one, the key itself.
    static func build(
        _ subject: Subject,
        _ validity: CertificateValidity,
        key: Key,
        issuer: Issuer?,
        extensions: (CertificateBuilder) throws(TLSError) -> Void
    ) throws(TLSError) -> [UInt8] {
        ErrorQueue.clear()
        let builder: CertificateBuilder
        switch key {
        case .pair(let pair):
            builder = try CertificateBuilder(key: pair, issuer: issuer)
            X509_set_pubkey(builder.certificate, pair)
        case .point(let point):
            builder = try CertificateBuilder(key: nil, issuer: issuer)
            try builder.setPoint(point)
        }
        try builder.setSubject(subject)
        try builder.setSerial()
        let certificate = builder.certificate
        X509_set_version(certificate, 2)
        let (days, seconds) = validity.seconds.quotientAndRemainder(dividingBy: 86_400)
        guard X509_time_adj_ex(X509_getm_notBefore(certificate), 0, validity.from, nil) != nil,
            X509_time_adj_ex(X509_getm_notAfter(certificate), Int32(clamping: days), validity.from + seconds, nil)
                != nil
        else { throw .badCredentials(reason: "a validity of \(validity.seconds) seconds cannot be expressed") }
        X509_set_issuer_name(certificate, X509_get_subject_name(issuer?.certificate ?? certificate))
        try extensions(builder)
        guard X509_sign(certificate, issuer?.key ?? builder.key, EVP_sha256()) > 0,
            let certificatePEM = PEM.text({ PEM_write_bio_X509($0, certificate) == 1 })
        else { throw .library(detail: ErrorQueue.takeText()) }
        return certificatePEM
    }

    /// Adds an extension in OpenSSL's notation; `value` must not come from outside.
    func add(_ kind: Int32, _ value: String) throws(TLSError) {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, self.issuer?.certificate ?? self.certificate, self.certificate, nil, nil, 0)
        guard let made = X509V3_EXT_conf_nid(nil, &context, kind, value) else {
            throw .library(detail: ErrorQueue.takeText())
        }
        defer { X509_EXTENSION_free(made) }
        guard X509_add_ext(self.certificate, made, -1) == 1 else { throw .library(detail: ErrorQueue.takeText()) }
    }

    /// Adds the subject alternative name; nothing when there are no names.
    func addNames(dns: [String], addresses: [String], uris: [String]) throws(TLSError) {
        guard !(dns.isEmpty && addresses.isEmpty && uris.isEmpty) else { return }
        guard let names = tp_names_new() else { throw .library(detail: "out of memory") }
        defer { GENERAL_NAMES_free(names) }
        for name in dns { try Self.push(names, GEN_DNS, name) }
        for uri in uris { try Self.push(names, GEN_URI, uri) }
        for address in addresses {
            guard let octets = a2i_IPADDRESS(address) else {
                throw .badCredentials(reason: "\"\(address)\" is not an IP address")
            }
            try Self.push(names, GEN_IPADD, UnsafeMutableRawPointer(octets))
        }
        guard X509_add1_ext_i2d(self.certificate, NID_subject_alt_name, UnsafeMutableRawPointer(names), 0, 0) == 1
        else {
            throw .library(detail: ErrorQueue.takeText())
        }
    }

    private static func push(_ names: OpaquePointer, _ kind: Int32, _ text: String) throws(TLSError) {
        guard !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .badCredentials(reason: "\"\(text)\" cannot stand in a certificate")
        }
        guard let string = ASN1_STRING_type_new(V_ASN1_IA5STRING),
            ASN1_STRING_set(string, text, Int32(text.utf8.count)) == 1
        else { throw .library(detail: "out of memory") }
        try self.push(names, kind, UnsafeMutableRawPointer(string))
    }

    /// Appends a name; `value` is owned by the list afterwards.
    private static func push(
        _ names: OpaquePointer,
        _ kind: Int32,
        _ value: UnsafeMutableRawPointer
    ) throws(TLSError) {
        guard let name = GENERAL_NAME_new() else { throw .library(detail: "out of memory") }
        GENERAL_NAME_set0_value(name, kind, value)
        _ = tp_names_push(names, name)
    }

    /// Writes the key as it stands in the certificate: by way of OpenSSL's own keys it would be coded and read three times.
    private func setPoint(_ point: [UInt8]) throws(TLSError) {
        guard let copy = CRYPTO_malloc(point.count, "", 0) else { throw .library(detail: "out of memory") }
        point.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress.unsafelyUnwrapped, byteCount: $0.count) }
        let bytes = copy.assumingMemoryBound(to: UInt8.self)
        let curve = OBJ_nid2obj(NID_X9_62_prime256v1)
        guard
            X509_PUBKEY_set0_param(
                X509_get_X509_PUBKEY(self.certificate),
                OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
                V_ASN1_OBJECT,
                UnsafeMutableRawPointer(curve),
                bytes,
                Int32(point.count)
            ) == 1
        else {
            CRYPTO_free(copy, "", 0)
            throw .library(detail: ErrorQueue.takeText())
        }
    }

    private func setSubject(_ subject: Subject) throws(TLSError) {
        let name = X509_get_subject_name(self.certificate)
        let entries =
            subject.organizations.map { (NID_organizationName, $0) } + [(NID_commonName, subject.commonName)]
        for (kind, text) in entries {
            let bytes = Array(text.utf8)
            guard X509_NAME_add_entry_by_NID(name, kind, MBSTRING_UTF8, bytes, Int32(bytes.count), -1, 0) == 1 else {
                throw .badCredentials(reason: "\"\(text)\" cannot be a certificate's subject: \(ErrorQueue.takeText())")
            }
        }
    }

    private func setSerial() throws(TLSError) {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard RAND_bytes(&bytes, 16) == 1 else { throw .library(detail: ErrorQueue.takeText()) }
        // RFC 5280, 4.1.2.2: positive, not zero.
        bytes[0] = bytes[0] & 0x7F | 0x40
        guard let number = BN_bin2bn(bytes, 16, nil) else { throw .library(detail: "out of memory") }
        defer { BN_free(number) }
        guard BN_to_ASN1_INTEGER(number, X509_get_serialNumber(self.certificate)) != nil else {
            throw .library(detail: ErrorQueue.takeText())
        }
    }
}
