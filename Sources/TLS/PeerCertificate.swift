internal import COpenSSL

/// The peer's leaf certificate, read out once after the handshake.
package struct PeerCertificate: Sendable, Equatable {
    /// The subject's common name (CN); in Kubernetes, the user.
    package let commonName: String?
    /// The subject's organizations (O); in Kubernetes, the groups.
    package let organizations: [String]
    /// DNS names of the subject alternative name.
    package let dnsNames: [String]
    /// URIs of the subject alternative name.
    package let uris: [String]
    /// IP addresses of the subject alternative name, in text.
    package let ipAddresses: [String]
    /// Beginning of validity, in seconds since 1970, UTC.
    package let notBefore: Int64
    /// End of validity, in seconds since 1970, UTC.
    package let notAfter: Int64
    /// The authority at the root of the chain that was verified; nil when nothing was.
    package let root: Fingerprint?
    /// The whole certificate, DER.
    package let der: [UInt8]

    /// Reads the first certificate of a PEM, of which nothing is verified.
    ///
    /// - Throws: `badCredentials` when there is none.
    package init(pem: [UInt8]) throws(TLSError) {
        let certificates = try PEM.certificates(pem, what: "the certificate")
        defer { for certificate in certificates { X509_free(certificate) } }
        self.init(certificates[0])
    }

    /// Reads out `certificate`, which stays the caller's, as does its `root`.
    init(_ certificate: OpaquePointer, root: OpaquePointer? = nil) {
        let subject = X509_get_subject_name(certificate)
        self.commonName = Self.entries(subject, NID_commonName).first
        self.organizations = Self.entries(subject, NID_organizationName)
        var dns: [String] = []
        var uris: [String] = []
        var addresses: [String] = []
        if let raw = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) {
            let names = OpaquePointer(raw)
            for index in 0..<tp_names_count(names) {
                guard let name = tp_names_at(names, index) else { continue }
                var kind: Int32 = 0
                guard let value = GENERAL_NAME_get0_value(name, &kind) else { continue }
                let bytes = Self.bytes(value.assumingMemoryBound(to: ASN1_STRING.self))
                switch kind {
                case GEN_DNS: dns.append(String(decoding: bytes, as: UTF8.self))
                case GEN_URI: uris.append(String(decoding: bytes, as: UTF8.self))
                case GEN_IPADD: addresses.append(Self.address(bytes))
                default: break
                }
            }
            GENERAL_NAMES_free(names)
        }
        self.dnsNames = dns
        self.uris = uris
        self.ipAddresses = addresses
        self.notBefore = Self.seconds(X509_get0_notBefore(certificate))
        self.notAfter = Self.seconds(X509_get0_notAfter(certificate))
        self.root = root.map { Fingerprint(of: Self.der($0)) }
        self.der = Self.der(certificate)
    }

    /// The whole of a certificate, DER.
    static func der(_ certificate: OpaquePointer) -> [UInt8] {
        let count = i2d_X509(certificate, nil)
        guard count > 0 else { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(count)) { room, used in
            var cursor = room.baseAddress
            used = max(0, Int(i2d_X509(certificate, &cursor)))
        }
    }

    /// Every name that the certificate is good for.
    package var names: [String] { self.dnsNames + self.ipAddresses + self.uris }

    /// One line for messages: the subject of `certificate`.
    static func subject(_ certificate: OpaquePointer?) -> String {
        guard let certificate else { return "unknown" }
        return Self.oneLine(X509_get_subject_name(certificate))
    }

    /// One line for messages: the issuer of `certificate`.
    static func issuer(_ certificate: OpaquePointer?) -> String {
        guard let certificate else { return "unknown" }
        return Self.oneLine(X509_get_issuer_name(certificate))
    }

    private static func oneLine(_ name: OpaquePointer?) -> String {
        let text = PEM.text { tp_name_print($0, name) >= 0 }
        return text.map { String(decoding: $0, as: UTF8.self) } ?? "(no name)"
    }

    private static func entries(_ name: OpaquePointer?, _ kind: Int32) -> [String] {
        var found: [String] = []
        var index: Int32 = -1
        while true {
            index = X509_NAME_get_index_by_NID(name, kind, index)
            guard index >= 0, let entry = X509_NAME_get_entry(name, index) else { return found }
            var text: UnsafeMutablePointer<UInt8>?
            let count = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry))
            guard count >= 0, let text else { continue }
            found.append(String(decoding: UnsafeBufferPointer(start: text, count: Int(count)), as: UTF8.self))
            CRYPTO_free(text, #file, #line)
        }
    }

    private static func bytes(_ string: UnsafePointer<ASN1_STRING>) -> [UInt8] {
        guard let start = ASN1_STRING_get0_data(string) else { return [] }
        return [UInt8](UnsafeBufferPointer(start: start, count: max(0, Int(ASN1_STRING_length(string)))))
    }

    private static func address(_ bytes: [UInt8]) -> String {
        switch bytes.count {
        case 4: return bytes.map { String($0) }.joined(separator: ".")
        case 16:
            return stride(from: 0, to: 16, by: 2)
                .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }
                .joined(separator: ":")
        default: return ""
        }
    }

    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        guard let epoch = ASN1_TIME_set(nil, 0) else { return 0 }
        defer { ASN1_STRING_free(epoch) }
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard ASN1_TIME_diff(&days, &seconds, epoch, time) == 1 else { return 0 }
        return Int64(days) * 86_400 + Int64(seconds)
    }
}
