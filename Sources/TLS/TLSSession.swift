internal import COpenSSL

/// One TLS connection: bytes in, bytes and events out.
///
/// It knows no socket and no clock.
/// The caller feeds what the transport delivers to ``open(_:into:)`` and sends, in order, what ``takeOutput()`` and
/// ``seal(_:into:)`` yield; `takeOutput` must be called after each `start`, `open` and `close`.
/// Not thread-safe: confine it to one isolation domain.
package final class TLSSession {
    /// Which side of the handshake this is.
    package enum Role: Sendable, Equatable {
        /// Dials. The name (DNS, or an IP address in text) is checked against the certificate; nil checks the chain only.
        case client(serverName: String?)
        /// Accepts.
        case server
    }

    /// What one call of ``open(_:into:)`` brought.
    package struct Opened: Equatable {
        /// Bytes of input used up.
        package var consumed = 0
        /// Bytes of plaintext written to the room; valid even when `failure` is set.
        package var plaintext = 0
        /// The room is full: call again, with the rest of the input and new room.
        package var more = false
        /// The handshake was completed by this call.
        package var established = false
        /// The peer said that it sends nothing more (close_notify); writing remains possible.
        package var peerClosed = false
        /// The session is over; what ``takeOutput()`` then yields is the alert for the peer.
        package var failure: TLSError?

        /// Nothing happened.
        package init() {}
    }

    private enum State { case handshaking, open, failed }

    private let ssl: OpaquePointer
    private let context: TLSContext
    private let bio: SessionBIO
    private let role: Role
    private var state = State.handshaking
    private var peerClosed = false
    private var closed = false
    /// The server wants to see a certificate of ours, good or none.
    package private(set) var wasAskedForCertificate = false
    /// The first complaint about the peer's certificate, recorded while the chain is checked.
    private var complaint: TLSError?

    /// Makes a session; nothing is sent before ``start()``.
    ///
    /// - Throws: `badCredentials` for a server name that cannot be one; `library` when memory is short.
    package init(context: TLSContext, role: Role) throws(TLSError) {
        ErrorQueue.clear()
        guard let ssl = SSL_new(context.pointer) else { throw .library(detail: ErrorQueue.takeText()) }
        self.ssl = ssl
        self.context = context
        self.role = role
        self.bio = SessionBIO()
        guard let bio = self.bio.makeBIO() else { throw .library(detail: ErrorQueue.takeText()) }
        // Reading and writing share the BIO, whose one reference the session takes over.
        SSL_set_bio(ssl, bio, bio)
        SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
        if SSL_get_verify_mode(ssl) & SSL_VERIFY_PEER != 0, SSL_get_verify_callback(ssl) == nil {
            SSL_set_verify(ssl, SSL_get_verify_mode(ssl), noteComplaint)
        }
        switch role {
        case .server: SSL_set_accept_state(ssl)
        case .client(let name):
            SSL_set_connect_state(ssl)
            SSL_set_cert_cb(ssl, hearDemand, Unmanaged.passUnretained(self).toOpaque())
            if let name { try self.expect(name) }
        }
    }

    deinit { SSL_free(self.ssl) }

    /// The negotiated application protocol, once established; nil when there is none.
    package var alpn: String? {
        var start: UnsafePointer<UInt8>?
        var count: UInt32 = 0
        SSL_get0_alpn_selected(self.ssl, &start, &count)
        guard let start, count > 0 else { return nil }
        return String(decoding: UnsafeBufferPointer(start: start, count: Int(count)), as: UTF8.self)
    }

    /// The peer's certificate, once established; nil when it gave none.
    package var peerCertificate: PeerCertificate? {
        guard let certificate = SSL_get0_peer_certificate(self.ssl) else { return nil }
        return PeerCertificate(certificate, root: tp_SSL_verified_root(self.ssl))
    }

    /// The negotiated version and cipher suite, for status lines.
    package var cipher: String {
        let version = SSL_get_version(self.ssl).map { String(cString: $0) } ?? "?"
        let name = tp_SSL_cipher_name(self.ssl).map { String(cString: $0) } ?? "?"
        return "\(version) \(name)"
    }

    /// Whether application data may be sealed.
    package var isEstablished: Bool { self.state == .open }

    /// Room that ``seal(_:into:)`` needs so that nothing is left for ``takeOutput()``.
    package static func ciphertextBound(_ plaintext: Int) -> Int { plaintext + (plaintext / 16_384 + 1) * 96 }

    /// Begins the handshake: a client's first message is then in ``takeOutput()``.
    package func start() {
        guard self.state == .handshaking else { return }
        ErrorQueue.clear()
        _ = SSL_do_handshake(self.ssl)
    }

    /// Takes bytes from the transport: all of them, unless the result says `more`.
    ///
    /// - Parameters:
    ///   - ciphertext: What arrived, cut anywhere.
    ///   - room: Where the plaintext goes, not empty. As much as the input is seldom too little.
    /// - Returns: What that brought. After a failure every further call reports `sessionOver`.
    package func open(_ ciphertext: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> Opened {
        var opened = Opened()
        guard self.state != .failed else {
            opened.failure = .sessionOver
            return opened
        }
        self.bio.input = ciphertext
        if self.state != .handshaking || self.handshake(&opened) { self.read(into: room, &opened) }
        opened.consumed = ciphertext.count - (opened.more ? self.bio.input.count : 0)
        self.bio.input = UnsafeRawBufferPointer(start: nil, count: 0)
        return opened
    }

    /// Encrypts application data.
    ///
    /// - Parameters:
    ///   - plaintext: Any number of bytes; cut into records of 16 KiB.
    ///   - room: ``ciphertextBound(_:)`` bytes; what does not fit waits in ``takeOutput()``.
    /// - Returns: Bytes written to the room.
    /// - Throws: `sessionOver` before the handshake is done and after the end.
    package func seal(
        _ plaintext: UnsafeRawBufferPointer,
        into room: UnsafeMutableRawBufferPointer
    ) throws(TLSError) -> Int {
        guard self.state == .open, !self.closed else { throw .sessionOver }
        guard !plaintext.isEmpty else { return 0 }
        self.bio.room = room
        self.bio.filled = 0
        defer { self.bio.room = UnsafeMutableRawBufferPointer(start: nil, count: 0) }
        ErrorQueue.clear()
        var written = 0
        guard SSL_write_ex(self.ssl, plaintext.baseAddress, plaintext.count, &written) == 1 else {
            self.state = .failed
            throw .library(detail: ErrorQueue.takeText())
        }
        return self.bio.filled
    }

    /// Takes what waits to be sent: handshake messages, alerts, answers to key updates.
    ///
    /// - Returns: The bytes, often none.
    package func takeOutput() -> [UInt8] {
        guard !self.bio.spill.isEmpty else { return [] }
        defer { self.bio.spill = [] }
        return self.bio.spill
    }

    /// Says to the peer that nothing more will be sent (close_notify); reading remains possible.
    package func close() {
        guard self.state == .open, !self.closed else { return }
        self.closed = true
        ErrorQueue.clear()
        _ = SSL_shutdown(self.ssl)
    }

    /// The transport delivers nothing more.
    ///
    /// - Returns: What is wrong with that, or nil when the peer had said so.
    package func endOfInput() -> TLSError? {
        // A peer that closed in good order may still be written to.
        guard self.state != .failed, !self.peerClosed else { return nil }
        defer { self.state = .failed }
        return self.state == .handshaking ? .closedDuringHandshake : .truncated
    }
}

extension TLSSession {
    /// Goes on with the handshake; true once it is done.
    private func handshake(_ opened: inout Opened) -> Bool {
        ErrorQueue.clear()
        let result = SSL_do_handshake(self.ssl)
        if result == 1 {
            self.state = .open
            opened.established = true
            return true
        }
        let kind = SSL_get_error(self.ssl, result)
        if kind != SSL_ERROR_WANT_READ { opened.failure = self.fail(kind) }
        return false
    }

    /// Decrypts until the input is used up.
    private func read(into room: UnsafeMutableRawBufferPointer, _ opened: inout Opened) {
        while true {
            guard opened.plaintext < room.count else {
                opened.more = SSL_pending(self.ssl) > 0 || !self.bio.input.isEmpty
                return
            }
            let rest = UnsafeMutableRawBufferPointer(rebasing: room[opened.plaintext...])
            var count = 0
            ErrorQueue.clear()
            let result = SSL_read_ex(self.ssl, rest.baseAddress, rest.count, &count)
            if result == 1 {
                opened.plaintext += count
                continue
            }
            switch SSL_get_error(self.ssl, result) {
            case SSL_ERROR_WANT_READ: return
            case SSL_ERROR_ZERO_RETURN:
                opened.peerClosed = !self.peerClosed
                self.peerClosed = true
                return
            case let kind:
                opened.failure = self.fail(kind)
                return
            }
        }
    }

    /// Ends the session and names the reason.
    private func fail(_ kind: Int32) -> TLSError {
        let wasHandshaking = self.state == .handshaking
        self.state = .failed
        let (code, text) = ErrorQueue.take()
        guard kind == SSL_ERROR_SSL, code != 0 else { return .library(detail: text) }
        let reason = tp_ERR_reason(code)
        let alert = reason - SSL_AD_REASON_OFFSET
        switch reason {
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            return self.complaint ?? .certificateRejected(reason: text)
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return .noClientCertificate
        case SSL_R_NO_APPLICATION_PROTOCOL: return .noCommonApplicationProtocol(offered: self.context.alpn)
        case _ where alert == SSL_AD_NO_APPLICATION_PROTOCOL && wasHandshaking:
            return .noCommonApplicationProtocol(offered: self.context.alpn)
        case _ where alert >= 0 && alert < 256:
            let words = SSL_alert_desc_string_long(alert).map { String(cString: $0) } ?? text
            return .refusedByPeer(alert: words)
        default: return .protocolViolation(detail: text)
        }
    }

    /// Demands that the certificate is good for `name`.
    private func expect(_ name: String) throws(TLSError) {
        let name = name.hasSuffix(".") ? String(name.dropLast()) : name
        guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw .badCredentials(reason: "\"\(name)\" cannot be a server's name")
        }
        let parameters = SSL_get0_param(self.ssl)
        // Marks addresses off from names, which alone go into the ClientHello.
        let address = a2i_IPADDRESS(name)
        defer { ASN1_OCTET_STRING_free(address) }
        if address == nil { _ = tp_SSL_set_server_name(self.ssl, name) }
        guard self.context.checksNames else { return }
        X509_VERIFY_PARAM_set_hostflags(
            parameters,
            UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)
        )
        let accepted =
            address == nil
            ? X509_VERIFY_PARAM_set1_host(parameters, name, 0)
            : X509_VERIFY_PARAM_set1_ip_asc(parameters, name)
        guard accepted == 1 else { throw .badCredentials(reason: "\"\(name)\" cannot be a server's name") }
    }

    /// The server wants a certificate.
    fileprivate func noteDemand() { self.wasAskedForCertificate = true }

    /// Keeps the first thing that is wrong with the peer's chain.
    fileprivate func note(_ code: Int32, _ certificate: OpaquePointer?) {
        guard self.complaint == nil else { return }
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            self.complaint = .certificateExpired(subject: PeerCertificate.subject(certificate))
        case X509_V_ERR_CERT_NOT_YET_VALID:
            self.complaint = .certificateNotYetValid(subject: PeerCertificate.subject(certificate))
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            self.complaint = .unknownAuthority(issuer: PeerCertificate.issuer(certificate))
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            guard case .client(let name?) = self.role else { return }
            self.complaint = .nameMismatch(
                expected: name,
                presented: certificate.map { PeerCertificate($0).names } ?? []
            )
        default:
            let words = X509_verify_cert_error_string(Int(code)).map { String(cString: $0) }
            self.complaint = .certificateRejected(reason: words ?? "error \(code)")
        }
    }
}

/// Called before a certificate of ours is picked; changes nothing, only listens.
private let hearDemand: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = { _, session in
    guard let session else { return 1 }
    Unmanaged<TLSSession>.fromOpaque(session).takeUnretainedValue().noteDemand()
    return 1
}

/// OpenSSL's word on each certificate of a chain; changes nothing, only listens.
private let noteComplaint: @convention(c) (Int32, OpaquePointer?) -> Int32 = { accepted, store in
    guard accepted != 1, let store,
        let ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()),
        let session = SSL_get_ex_data(OpaquePointer(ssl), 0)
    else { return accepted }
    Unmanaged<TLSSession>.fromOpaque(session).takeUnretainedValue()
        .note(X509_STORE_CTX_get_error(store), X509_STORE_CTX_get_current_cert(store))
    return accepted
}
