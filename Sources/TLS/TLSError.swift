/// Why a TLS context could not be made, or why a session ended.
package enum TLSError: Error, Sendable, Equatable {
    /// The peer's certificate is past its end.
    case certificateExpired(subject: String)
    /// The peer's certificate is not valid yet (or our clock is behind).
    case certificateNotYetValid(subject: String)
    /// No trusted authority stands behind the peer's certificate.
    case unknownAuthority(issuer: String)
    /// The peer's certificate is for other names.
    case nameMismatch(expected: String, presented: [String])
    /// The peer's certificate is unfit in another way.
    case certificateRejected(reason: String)
    /// The server demands a client certificate and got none.
    case noClientCertificate
    /// The two sides share no application protocol (ALPN).
    case noCommonApplicationProtocol(offered: [String])
    /// The peer refused us; the text is the alert it sent.
    case refusedByPeer(alert: String)
    /// What arrived is not TLS, or breaks its rules.
    case protocolViolation(detail: String)
    /// The peer ended the connection without the closing alert, so data may be missing.
    case truncated
    /// The connection ended before the handshake was done.
    case closedDuringHandshake
    /// The handshake took longer than its deadline.
    case handshakeTimedOut
    /// A certificate, key or authority given to us cannot be used.
    case badCredentials(reason: String)
    /// The session was used after its end.
    case sessionOver
    /// OpenSSL failed where it should not.
    case library(detail: String)
}

extension TLSError: CustomStringConvertible {
    /// One sentence that says what is wrong.
    package var description: String {
        switch self {
        case .certificateExpired(let subject): "the certificate of \(subject) has expired"
        case .certificateNotYetValid(let subject):
            "the certificate of \(subject) is not valid yet (is this machine's clock right?)"
        case .unknownAuthority(let issuer): "the certificate was issued by an authority that is not trusted: \(issuer)"
        case .nameMismatch(let expected, let presented):
            presented.isEmpty
                ? "the certificate is not valid for \(expected): it carries no names"
                : "the certificate is not valid for \(expected), only for \(presented.joined(separator: ", "))"
        case .certificateRejected(let reason): "the certificate was rejected: \(reason)"
        case .noClientCertificate: "the client presented no certificate, but one is required"
        case .noCommonApplicationProtocol(let offered):
            "no application protocol in common (here: \(offered.joined(separator: ", ")))"
        case .refusedByPeer(let alert): "the other side refused the TLS connection: \(alert)"
        case .protocolViolation(let detail): "not a valid TLS connection: \(detail)"
        case .truncated: "the connection was cut without the closing TLS message"
        case .closedDuringHandshake: "the connection was closed during the TLS handshake"
        case .handshakeTimedOut: "the TLS handshake took too long"
        case .badCredentials(let reason): "unusable TLS credentials: \(reason)"
        case .sessionOver: "the TLS session is over"
        case .library(let detail): "OpenSSL failed: \(detail)"
        }
    }
}
