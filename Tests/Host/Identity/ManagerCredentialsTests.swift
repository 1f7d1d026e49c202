import Actor
import Message
import TLS
import Testing

@testable import Host

@Suite struct ManagerCredentialsTests {
    private let name = "traffic-manager.ambassador.svc"
    private let now = CredentialKeeper.now

    private func credentials(_ authority: ManagerAuthority, cluster: [UInt8] = []) throws -> ManagerCredentials {
        try ManagerCredentials(authority: authority, names: [name], clusterAuthorities: cluster, now: now)
    }

    private func client(_ trust: [UInt8], _ identity: TLSIdentity? = nil, alpn: String = "h2") throws -> TLSContext {
        try .client(trust: .authorities(pem: trust), identity: identity, alpn: [alpn], minimumVersion: .v1_3)
    }

    @Test("A certificate that was issued is recognised with the name it was issued for")
    func issued() throws {
        let credentials = try credentials(ManagerAuthority(authority: ManagerAuthority.make()))
        let session = try SessionCredential(authorities: credentials.authority.bundle)
        #expect(!session.isValid)
        session.take(try credentials.issue(.session("42"), publicKey: session.publicKey))
        #expect(session.isValid)
        let met = try Handshake(client: session.context(alpn: "h2"), server: credentials.context, name: name)
        #expect(met.clientFailure == nil && met.serverFailure == nil)
        let peer = try #require(met.peer)
        #expect(credentials.issuer(of: peer) == .manager)
        #expect(CertificateName(peer) == .session("42"))
        #expect(try CertificateName(#require(met.server)) == .manager)
        session.forget()
        #expect(try Handshake(client: session.context(alpn: "h2"), server: credentials.context, name: name).peer == nil)
    }

    @Test("A certificate of the cluster's authority is not taken for one of the manager's, whatever it says")
    func cluster() throws {
        let cluster = try CertificateAuthority(commonName: "cluster")
        let credentials = try credentials(
            ManagerAuthority(authority: ManagerAuthority.make()),
            cluster: cluster.certificatePEM
        )
        let forged = try cluster.issue(
            commonName: "ann",
            organizations: ["dev"],
            uris: CertificateName.session("42").uris,
            usage: .client
        )
        let trust = credentials.authority.bundle
        let met = try Handshake(client: client(trust, forged), server: credentials.context, name: name)
        let peer = try #require(met.peer)
        #expect(credentials.issuer(of: peer) == .cluster)
        #expect(credentials.knowsClusterAuthority)
    }

    @Test("Foreign authority, expired certificate and wrong name: both sides say what is wrong")
    func refused() throws {
        let credentials = try credentials(ManagerAuthority(authority: ManagerAuthority.make()))
        let trust = credentials.authority.bundle
        let foreign = try CertificateAuthority(commonName: "foreign").issue(commonName: "x", usage: .client)
        let strange = try Handshake(client: client(trust, foreign), server: credentials.context, name: name)
        #expect(strange.serverFailure == .unknownAuthority(issuer: "CN=foreign"))
        #expect(strange.clientFailure?.description.contains("unknown CA") == true)
        let old = try credentials.authority.authority.issue(
            commonName: "x",
            days: 1,
            validFrom: -200_000,
            usage: .client
        )
        let expired = try Handshake(client: client(trust, old), server: credentials.context, name: name)
        #expect(expired.serverFailure == .certificateExpired(subject: "CN=x"))
        #expect(expired.clientFailure?.description.contains("certificate expired") == true)
        let wrong = try Handshake(client: client(trust), server: credentials.context, name: "other.svc")
        #expect(wrong.clientFailure?.description.contains("not valid for other.svc, only for \(name)") == true)
        #expect(wrong.serverFailure != nil)
        let pin = try CertificateAuthority(commonName: "foreign").certificatePEM
        let other = try Handshake(client: client(pin), server: credentials.context, name: name)
        #expect(other.clientFailure?.description.contains("authority that is not trusted") == true)
        let server = try credentials.authority.identity(names: [name], days: 1)
        let misused = try Handshake(client: client(trust, server), server: credentials.context, name: name)
        #expect(misused.serverFailure?.description.contains("certificate") == true)
    }

    @Test("Between our own parts there is nothing older than TLS 1.3")
    func version() throws {
        let credentials = try credentials(ManagerAuthority(authority: ManagerAuthority.make()))
        let old = try TLSContext.client(trust: .nobodyChecked, identity: nil, alpn: ["h2"], maximumVersion: .v1_2)
        let met = try Handshake(client: old, server: credentials.context, name: name)
        #expect(met.clientFailure?.description.contains("protocol version") == true)
        #expect(met.serverFailure != nil)
    }

    @Test("An authority near its end is replaced: old pins and old certificates hold, new ones are issued")
    func rotation() throws {
        let old = ManagerAuthority(authority: try ManagerAuthority.make(days: 100), isKept: true)
        #expect(try old.successor(now: now) == nil)
        #expect(try old.successor(now: now + 79 * 86_400) == nil)
        let next = try #require(try old.successor(now: now + 81 * 86_400))
        #expect(next.authority != old.authority)
        #expect(next.bundle == next.authority.certificatePEM + old.authority.certificatePEM)

        let credentials = try credentials(old)
        let session = try SessionCredential(authorities: old.bundle)
        session.take(try credentials.issue(.session("1"), publicKey: session.publicKey))
        #expect(try credentials.refresh(authority: next, clusterAuthorities: nil, now: now))
        // Who knows the old authority alone still believes the manager, and is still known to it.
        let met = try Handshake(client: session.context(alpn: "h2-reverse"), server: credentials.context, name: name)
        #expect(met.clientFailure == nil && met.serverFailure == nil)
        #expect(try credentials.issuer(of: #require(met.peer)) == .manager)
        // What is issued now belongs to the new one, and who knows that alone believes it, too.
        let issued = try credentials.issue(.session("1"), publicKey: session.publicKey)
        #expect(issued.authorities == next.bundle)
        session.take(issued)
        let again = try Handshake(client: session.context(alpn: "h2"), server: credentials.context, name: name)
        #expect(again.clientFailure == nil && again.serverFailure == nil)
        let alone = try Handshake(
            client: client(next.authority.certificatePEM),
            server: credentials.context,
            name: name
        )
        #expect(alone.clientFailure == nil)
        // After its end the old one vouches for nobody.
        #expect(try old.successor(now: now + 101 * 86_400)?.previous == nil)
    }

    @Test("The manager's own certificate is made anew when two thirds of its life are over")
    func renewal() throws {
        let credentials = try credentials(ManagerAuthority(authority: ManagerAuthority.make()))
        let first = credentials.identity
        #expect(try !credentials.refresh(authority: nil, clusterAuthorities: nil, now: now + 19 * 86_400))
        #expect(credentials.identity == first)
        #expect(try credentials.refresh(authority: nil, clusterAuthorities: nil, now: now + 21 * 86_400))
        #expect(credentials.identity != first)
    }

    @Test("A broken list of the cluster's authorities changes nothing")
    func broken() throws {
        let credentials = try credentials(ManagerAuthority(authority: ManagerAuthority.make()))
        let first = credentials.identity
        #expect(throws: TLSError.self) {
            _ = try credentials.refresh(authority: nil, clusterAuthorities: Array("nonsense".utf8), now: now)
        }
        #expect(credentials.identity == first)
    }

    @Test("A key that is none gets no certificate", arguments: [[], [1, 2, 3], [UInt8](repeating: 0x30, count: 300)])
    func keys(key: [UInt8]) throws {
        let credentials = try credentials(ManagerAuthority(authority: ManagerAuthority.make()))
        #expect(throws: TLSError.self) { _ = try credentials.issue(.session("1"), publicKey: key) }
    }
}
