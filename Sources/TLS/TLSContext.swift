internal import COpenSSL

/// What many sessions share: own credentials, trust, application protocols (`SSL_CTX`).
///
/// Immutable after it is made; sessions on any thread may be made of it.
package final class TLSContext: Sendable {
    // OpenSSL counts references of SSL_CTX atomically, and nothing here changes it after `init`.
    nonisolated(unsafe) let pointer: OpaquePointer
    /// The application protocols offered or accepted, in order of preference.
    package let alpn: [String]
    /// Whether sessions of this context check a server's name.
    let checksNames: Bool
    // Read by the ALPN callback on any thread; written only in `init`.
    nonisolated(unsafe) private let protocols: UnsafeMutableBufferPointer<UInt8>

    /// Makes a context for the dialling side.
    ///
    /// - Parameters:
    ///   - trust: Whom to believe as a server.
    ///   - identity: Own certificate, presented when the server asks.
    ///   - alpn: Application protocols to offer; empty offers none.
    ///   - minimumVersion: The oldest version to agree on.
    ///   - maximumVersion: The newest version to agree on.
    ///   - checksNames: Whether the certificate has to be for the server's name.
    /// - Returns: The context.
    /// - Throws: `badCredentials` for PEM that cannot be used.
    package static func client(
        trust: TLSTrust,
        identity: TLSIdentity?,
        alpn: [String],
        minimumVersion: TLSVersion = .v1_2,
        maximumVersion: TLSVersion = .v1_3,
        checksNames: Bool = true
    ) throws(TLSError) -> TLSContext {
        let checksNames = checksNames && trust != .nobodyChecked
        let context = try TLSContext(TLS_client_method(), alpn, minimumVersion, checksNames: checksNames)
        _ = tp_SSL_CTX_set_max_version(context.pointer, maximumVersion.code)
        if let identity { try context.use(identity) }
        try context.believe(trust)
        SSL_CTX_set_verify(context.pointer, trust == .nobodyChecked ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nil)
        if !alpn.isEmpty {
            // The one OpenSSL call that answers 0 for success.
            guard
                SSL_CTX_set_alpn_protos(context.pointer, context.protocols.baseAddress, UInt32(context.protocols.count))
                    == 0
            else { throw .library(detail: ErrorQueue.takeText()) }
        }
        return context
    }

    /// Makes a context for the accepting side.
    ///
    /// - Parameters:
    ///   - identity: Own certificate.
    ///   - clientTrust: Whom to believe as a client; nil asks no client for a certificate.
    ///   - requireClientCertificate: Refuses clients without one. A certificate that is given must be good in any case.
    ///   - alpn: Application protocols to accept, the preferred first; a client that offers only others is refused, one
    ///     that offers none is served without.
    ///   - minimumVersion: The oldest version to agree on.
    /// - Returns: The context.
    /// - Throws: `badCredentials` for PEM that cannot be used.
    package static func server(
        identity: TLSIdentity,
        clientTrust: TLSTrust?,
        requireClientCertificate: Bool,
        alpn: [String],
        minimumVersion: TLSVersion = .v1_2
    ) throws(TLSError) -> TLSContext {
        let context = try TLSContext(TLS_server_method(), alpn, minimumVersion, checksNames: false)
        try context.use(identity)
        // Sessions are long-lived: resumption would save nothing and tickets would be sent for nothing.
        _ = tp_SSL_CTX_set_session_cache_off(context.pointer)
        SSL_CTX_set_num_tickets(context.pointer, 0)
        if let clientTrust {
            try context.believe(clientTrust, asServer: true)
            let mode = SSL_VERIFY_PEER | (requireClientCertificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0)
            SSL_CTX_set_verify(context.pointer, mode, clientTrust == .nobodyChecked ? { _, _ in 1 } : nil)
        }
        if !alpn.isEmpty {
            SSL_CTX_set_alpn_select_cb(context.pointer, selectProtocol, Unmanaged.passUnretained(context).toOpaque())
        }
        return context
    }

    private init(
        _ method: OpaquePointer?,
        _ alpn: [String],
        _ minimum: TLSVersion,
        checksNames: Bool
    ) throws(TLSError) {
        guard alpn.allSatisfy({ (1...255).contains($0.utf8.count) }) else {
            throw .badCredentials(reason: "an application protocol's name has 1 to 255 bytes")
        }
        ErrorQueue.clear()
        guard let pointer = SSL_CTX_new(method) else { throw .library(detail: ErrorQueue.takeText()) }
        self.pointer = pointer
        self.alpn = alpn
        self.checksNames = checksNames
        let wire = alpn.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        self.protocols = .allocate(capacity: wire.count)
        _ = self.protocols.initialize(from: wire)
        _ = tp_SSL_CTX_set_min_version(pointer, minimum.code)
        tp_SSL_CTX_set_options(pointer)
        // An idle session gives its 32 KiB of record buffers back. What is shown is what the identity holds: by default
        // OpenSSL looks for more of the chain among those whom it trusts, with each handshake anew.
        let mode = SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN
        _ = tp_SSL_CTX_set_mode(pointer, Int(mode))
        // AES-128 first: a fifth cheaper than AES-256 on bulk, and as good here.
        _ = SSL_CTX_set_ciphersuites(
            pointer,
            "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"
        )
    }

    deinit {
        SSL_CTX_free(self.pointer)
        self.protocols.deallocate()
    }

    private func use(_ identity: TLSIdentity) throws(TLSError) {
        let chain = try PEM.certificates(identity.certificateChainPEM, what: "the own certificate")
        defer { for certificate in chain { X509_free(certificate) } }
        let key = try PEM.privateKey(identity.privateKeyPEM)
        defer { EVP_PKEY_free(key) }
        ErrorQueue.clear()
        guard let leaf = chain.first, SSL_CTX_use_certificate(self.pointer, leaf) == 1 else {
            throw .badCredentials(reason: "the own certificate is refused: \(ErrorQueue.takeText())")
        }
        for certificate in chain.dropFirst() { _ = tp_SSL_CTX_add1_chain_cert(self.pointer, certificate) }
        guard SSL_CTX_use_PrivateKey(self.pointer, key) == 1, SSL_CTX_check_private_key(self.pointer) == 1 else {
            throw .badCredentials(
                reason: "the private key does not belong to the certificate: \(ErrorQueue.takeText())"
            )
        }
    }

    private func believe(_ trust: TLSTrust, asServer: Bool = false) throws(TLSError) {
        switch trust {
        case .nobodyChecked: break
        case .system: _ = SSL_CTX_set_default_verify_paths(self.pointer)
        case .certificates(let pem):
            try believe(.authorities(pem: pem), asServer: asServer)
            // A chain need not end at an authority that issued itself.
            _ = X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(self.pointer), UInt(X509_V_FLAG_PARTIAL_CHAIN))
        case .authorities(let pem):
            let authorities = try PEM.certificates(pem, what: "the list of authorities")
            let store = SSL_CTX_get_cert_store(self.pointer)
            for authority in authorities {
                _ = X509_STORE_add_cert(store, authority)
                // Tells clients with several certificates which of them would do.
                if asServer { _ = SSL_CTX_add_client_CA(self.pointer, authority) }
                X509_free(authority)
            }
        }
    }

    /// Picks the first of our protocols that the client offers.
    fileprivate func select(
        _ out: UnsafeMutablePointer<UnsafePointer<UInt8>?>?,
        _ outLength: UnsafeMutablePointer<UInt8>?,
        _ offered: UnsafePointer<UInt8>?,
        _ count: UInt32
    ) -> Int32 {
        var chosen: UnsafeMutablePointer<UInt8>?
        let result = SSL_select_next_proto(
            &chosen,
            outLength,
            self.protocols.baseAddress,
            UInt32(self.protocols.count),
            offered,
            count
        )
        guard result == OPENSSL_NPN_NEGOTIATED else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        out?.pointee = UnsafePointer(chosen)
        return SSL_TLSEXT_ERR_OK
    }
}

private let selectProtocol:
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
        UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, out, outLength, offered, count, argument in
        guard let argument else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        // A session keeps its context alive, and only its handshake gets here.
        return Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue().select(out, outLength, offered, count)
    }
