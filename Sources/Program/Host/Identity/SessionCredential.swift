package import Message
import Synchronization
package import TLS

/// A participant's key, what the manager has issued for it, and whom it believes to be the manager.
///
/// Concurrency model: read and replaced at once, under a lock; every dial makes its TLS settings of what holds then, so that
/// a renewal touches no live link.
package final class SessionCredential: Sendable {
    private struct Issued {
        let chain: [UInt8]
        /// When two thirds of its life are over.
        let due: ContinuousClock.Instant
        let end: ContinuousClock.Instant
    }

    private struct State {
        var authorities: [UInt8]
        var issued: Issued?
    }

    private let key: PrivateKey
    private let state: Mutex<State>
    private let clock = ContinuousClock()

    /// Makes a key.
    ///
    /// - Parameter authorities: PEM of the authorities that may vouch for the manager.
    /// - Throws: `library` when OpenSSL fails.
    package init(authorities: [UInt8]) throws(TLSError) {
        key = try PrivateKey()
        state = Mutex(State(authorities: authorities))
    }

    /// What the manager is to issue a certificate for.
    package var publicKey: [UInt8] { key.publicKey }

    /// There is a certificate that can be shown now.
    package var isValid: Bool {
        state.withLock { $0.issued.map { clock.now < $0.end } ?? false }
    }

    /// When another certificate is to be asked for; nil without one.
    package var renewal: ContinuousClock.Instant? { state.withLock { $0.issued?.due } }

    /// When the certificate ends; nil without one.
    package var end: ContinuousClock.Instant? { state.withLock { $0.issued?.end } }

    /// Shows this certificate from now on, and believes these authorities.
    package func take(_ certificate: IssuedCertificate) {
        // A hundred years are as good as for ever, and can be added to a time.
        let life = Int64(clamping: min(certificate.lifetimeSeconds, 3_155_760_000))
        let now = clock.now
        state.withLock { state in
            if !certificate.authorities.isEmpty { state.authorities = certificate.authorities }
            state.issued = Issued(
                chain: certificate.chain,
                due: now.advanced(by: .milliseconds(life * 2000 / 3)),
                end: now.advanced(by: .seconds(life))
            )
        }
    }

    /// Shows no certificate any more: the manager did not like it.
    package func forget() { state.withLock { $0.issued = nil } }

    /// The TLS settings of the next dial.
    ///
    /// - Parameter alpn: `Link.forward` or `Link.reverse`.
    /// - Returns: Settings with the certificate, as long as it is valid.
    /// - Throws: `badCredentials` when what the manager has issued does not fit the key or cannot be read.
    package func context(alpn: String) throws(TLSError) -> TLSContext {
        let (authorities, issued) = state.withLock { ($0.authorities, $0.issued) }
        var identity: TLSIdentity?
        if let issued, clock.now < issued.end {
            identity = TLSIdentity(certificateChainPEM: issued.chain, privateKeyPEM: key.pem)
        }
        return try TLSContext.client(
            trust: .authorities(pem: authorities),
            identity: identity,
            alpn: [alpn],
            minimumVersion: .v1_3
        )
    }

    /// The TLS settings for a connection that is accepted now: the peer must show a certificate of the manager's authority.
    ///
    /// - Parameter alpn: `Link.reverse`.
    /// - Returns: Settings with the certificate; nil without a valid one.
    /// - Throws: `badCredentials` when what the manager has issued does not fit the key or cannot be read.
    func acceptingContext(alpn: String) throws(TLSError) -> TLSContext? {
        let (authorities, issued) = state.withLock { ($0.authorities, $0.issued) }
        guard let issued, clock.now < issued.end else { return nil }
        return try TLSContext.server(
            identity: TLSIdentity(certificateChainPEM: issued.chain, privateKeyPEM: key.pem),
            clientTrust: .authorities(pem: authorities),
            requireClientCertificate: true,
            alpn: [alpn],
            minimumVersion: .v1_3
        )
    }

    /// Asks for another certificate whenever two thirds of the present one's life are over, until cancelled.
    ///
    /// Returns when there is no certificate. The answer comes by ``take(_:)``; without one it is asked again, ever less
    /// time before the end but never more often than each second.
    ///
    /// - Parameter ask: sends the request; a failure is as good as no answer.
    package func keepRenewed(_ ask: () async throws -> Void) async {
        var earliest = clock.now
        while let renewal, let end, !Task.isCancelled {
            try? await Task.sleep(until: max(renewal, earliest), clock: .continuous)
            guard !Task.isCancelled, let now = self.renewal, now <= clock.now else { continue }
            try? await ask()
            earliest = clock.now.advanced(by: max(.seconds(1), clock.now.duration(to: end) / 8))
        }
    }
}
