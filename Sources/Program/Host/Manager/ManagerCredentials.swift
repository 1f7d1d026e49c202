import Message
import Synchronization
package import TLS

/// The manager's certificates: what it shows, whom it believes, and what it issues.
///
/// Concurrency model: everything is replaced at once under a lock; who accepts a connection takes the settings of that
/// moment, so that nothing has to restart.
package final class ManagerCredentials: Sendable {
    /// Who stands behind a peer's certificate.
    package enum Issuer: Sendable, Equatable {
        /// The manager's authority.
        case manager
        /// The cluster's authority for client certificates.
        case cluster
    }

    private struct State {
        var authority: ManagerAuthority
        var identity: TLSIdentity
        /// When the identity is to be made anew, in seconds since 1970.
        var identityDue: Int64
        var clusterAuthorities: [UInt8]
        var context: TLSContext
        var own: Set<Fingerprint>
        var cluster: Set<Fingerprint>
    }

    /// How long the manager's own certificate is valid, in days.
    static let identityDays = 30

    private let names: [String]
    /// How long a certificate of a participant is valid, in seconds.
    package let lifetime: Int
    private let state: Mutex<State>

    /// Makes an identity and the TLS settings.
    ///
    /// - Parameters:
    ///   - authority: the manager's.
    ///   - names: DNS names of the manager.
    ///   - clusterAuthorities: PEM of the cluster's authority for client certificates; empty when unknown.
    ///   - lifetime: of participants' certificates, in seconds.
    ///   - now: seconds since 1970.
    /// - Throws: `badCredentials` for PEM that cannot be used.
    package init(
        authority: ManagerAuthority,
        names: [String],
        clusterAuthorities: [UInt8] = [],
        lifetime: Int = 3600,
        now: Int64
    ) throws(TLSError) {
        self.names = names
        self.lifetime = lifetime
        state = Mutex(try Self.state(authority, names, clusterAuthorities, now))
    }

    private static func state(
        _ authority: ManagerAuthority,
        _ names: [String],
        _ clusterAuthorities: [UInt8],
        _ now: Int64
    ) throws(TLSError) -> State {
        let identity = try authority.identity(names: names, days: identityDays)
        let cluster = clusterAuthorities.isEmpty ? [] : try Fingerprint.certificates(pem: clusterAuthorities)
        return State(
            authority: authority,
            identity: identity,
            identityDue: now + Int64(identityDays) * 86_400 * 2 / 3,
            clusterAuthorities: clusterAuthorities,
            context: try TLSContext.server(
                identity: identity,
                clientTrust: .authorities(pem: authority.bundle + clusterAuthorities),
                requireClientCertificate: false,
                alpn: ["h2", "h2-reverse"],
                minimumVersion: .v1_3
            ),
            own: try Fingerprint.certificates(pem: authority.bundle),
            cluster: cluster
        )
    }

    /// The TLS settings for a connection that is accepted now.
    package var context: TLSContext { state.withLock { $0.context } }
    /// What the manager shows.
    package var identity: TLSIdentity { state.withLock { $0.identity } }
    /// The manager's authority.
    package var authority: ManagerAuthority { state.withLock { $0.authority } }
    /// A client certificate of the cluster's can be checked.
    package var knowsClusterAuthority: Bool { state.withLock { !$0.cluster.isEmpty } }

    /// Who stands behind a certificate that TLS has verified.
    package func issuer(of certificate: PeerCertificate) -> Issuer? {
        guard let root = certificate.root else { return nil }
        return state.withLock { $0.own.contains(root) ? .manager : $0.cluster.contains(root) ? .cluster : nil }
    }

    /// Issues a certificate to a participant for its key.
    ///
    /// - Throws: `badCredentials` for a key that is none.
    func issue(_ name: CertificateName, publicKey: [UInt8]) throws(TLSError) -> IssuedCertificate {
        let authority = authority
        // Workstations dial agents, too.
        var usage: CertificateUsage = .client
        if case .agent = name { usage.insert(.server) }
        let chain = try authority.authority.certify(
            publicKey: publicKey,
            commonName: name.commonName,
            uris: name.uris,
            validity: CertificateValidity(from: -300, seconds: lifetime + 300),
            usage: usage
        )
        return IssuedCertificate(chain: chain, authorities: authority.bundle, lifetimeSeconds: UInt64(max(0, lifetime)))
    }

    /// Takes up what has changed, and makes the manager's own certificate anew when two thirds of its life are over.
    ///
    /// - Parameters:
    ///   - authority: as the Secret holds it now; nil when that is unknown.
    ///   - clusterAuthorities: as the cluster publishes them now; nil when that is unknown.
    ///   - now: seconds since 1970.
    /// - Returns: Whether there is another identity to show.
    /// - Throws: `badCredentials` for PEM that cannot be used; everything is as before then.
    package func refresh(
        authority: ManagerAuthority?,
        clusterAuthorities: [UInt8]?,
        now: Int64
    ) throws(TLSError) -> Bool {
        let old = state.withLock { ($0.authority, $0.clusterAuthorities, $0.identityDue) }
        let authority = authority ?? old.0
        let clusterAuthorities = clusterAuthorities ?? old.1
        guard authority.bundle != old.0.bundle || clusterAuthorities != old.1 || now >= old.2 else { return false }
        let fresh = try Self.state(authority, names, clusterAuthorities, now)
        state.withLock { $0 = fresh }
        return true
    }
}
