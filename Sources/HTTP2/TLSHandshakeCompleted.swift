package import TLS

/// User inbound event of ``TLSHandler``: the handshake succeeded; plaintext may follow at once.
package struct TLSHandshakeCompleted: Sendable, Equatable {
    /// The negotiated application protocol; nil when there is none.
    package let alpn: String?
    /// The peer's certificate, verified as the context asked; nil when it gave none.
    package let peer: PeerCertificate?
    /// The server asked us for a certificate, whether it got one or not; never of a client.
    package let askedForCertificate: Bool
}
