import Actor
import Call
import Cluster
import Foundation
import HTTP2
import Message
import NIOCore
import NIOPosix
import Synchronization
import TLS
import Testing

@testable import Host

/// Who gets a session and a reverse link, over real sockets.
@Suite(.timeLimit(.minutes(1))) struct SessionIdentityTests {
    private static let annsToken = TableReviews.Token(text: "ann", audiences: [])
    private static let connect = "ann create pods/portforward ambassador"
    private let cluster: CertificateAuthority
    private let log = MemoryLog()
    private let reviews = TableReviews(
        tokens: [
            annsToken: APIUser(name: "ann", groups: ["dev"]),
            .init(text: "p1", audiences: ["telepresence"]): APIUser(
                name: "system:serviceaccount:default:web",
                extra: [
                    "authentication.kubernetes.io/pod-name": ["p1"], "authentication.kubernetes.io/pod-uid": ["u1"],
                ]
            ),
        ],
        rights: [connect]
    )

    init() throws {
        cluster = try CertificateAuthority(commonName: "cluster")
    }

    private func scene(lifetime: Int = 3600) async throws -> ManagerScene {
        let judge = ClusterJudge(
            reviews: reviews,
            mode: .enforcing,
            namespace: "ambassador",
            memory: .zero,
            audit: log.logger
        )
        return try await ManagerScene(
            StillCluster(pods: ["p1"], port: 8080),
            judge: judge,
            clusterAuthorities: cluster.certificatePEM,
            lifetime: lifetime
        )
    }

    private struct Session {
        let link: Link
        let writer: CallWriter<ParticipantMessage>
        let messages: CallMessages<ManagerMessage>
        let credential: SessionCredential
        let welcome: Welcome
    }

    private func open(
        _ scene: ManagerScene,
        token: String = "",
        identity: TLSIdentity? = nil,
        resume: Welcome? = nil
    ) async throws -> Session {
        let credential = try SessionCredential(authorities: scene.authority.certificatePEM)
        let link = try await scene.dial(Link.forward, identity: identity)
        let (writer, messages) = try await CallClient(link: link).bidirectional(ManagerCalls.session)
        let hello = Hello(
            kind: .client,
            sessionID: resume?.sessionID ?? "",
            client: ClientHello(user: "me", host: "box", namespace: "default"),
            secret: resume?.secret ?? [],
            credential: token,
            publicKey: credential.publicKey
        )
        try await writer.send(.hello(hello))
        guard case .welcome(let welcome)? = try await messages.next() else { throw CallStatus(.internal, "no welcome") }
        if let certificate = welcome.certificate { credential.take(certificate) }
        return Session(link: link, writer: writer, messages: messages, credential: credential, welcome: welcome)
    }

    /// What the manager says to a reverse link; throws when it does not come to that.
    private func reverse(_ scene: ManagerScene, _ context: TLSContext) async throws {
        let admission = LinkAdmission()
        let calls = admission.router
        let link = try await scene.dial(
            context,
            LinkConfiguration { link in
                link.onClose = { admission.closed("\($0)") }
                link.onStream = { stream, fields, _ in _ = calls.handle(stream, fields) }
            }
        )
        defer { link.eventLoop.execute { link.close() } }
        try await admission.verdict(within: .seconds(30))
    }

    private func context(_ scene: ManagerScene, _ identity: TLSIdentity?) throws -> TLSContext {
        try .client(
            trust: .authorities(pem: scene.authority.certificatePEM),
            identity: identity,
            alpn: [Link.reverse],
            minimumVersion: .v1_3
        )
    }

    @Test("Token and client certificate get a session with a certificate, which the reverse link shows")
    func welcome() async throws {
        let scene = try await scene()
        let session = try await open(scene, token: "ann")
        #expect(session.welcome.certificate?.lifetimeSeconds == 3600)
        try await reverse(scene, session.credential.context(alpn: Link.reverse))
        #expect(await scene.manager.principal(of: session.welcome.sessionID) == .user(name: "ann", groups: ["dev"]))
        let certified = try cluster.issue(commonName: "ann", organizations: ["dev"], usage: .client)
        let other = try await open(scene, identity: certified, resume: session.welcome)
        #expect(other.welcome.resumed)
        await scene.close()
    }

    @Test("Without a valid token there is no session, and the session's end says why")
    func refused() async throws {
        let scene = try await scene()
        for token in ["", "expired"] {
            do {
                _ = try await open(scene, token: token)
                Issue.record("let in with token \(token)")
            } catch let status as CallStatus {
                #expect(status.code == .unauthenticated)
            }
        }
        reviews.allow([])
        await #expect {
            _ = try await open(scene, token: "ann")
        } throws: { error in
            (error as? CallStatus)?.code == .permissionDenied
        }
        await scene.close()
    }

    @Test(
        "A reverse link without a certificate, with a foreign or expired one, or another's is refused with the reason"
    )
    func reverseLinks() async throws {
        let scene = try await scene()
        let session = try await open(scene, token: "ann")
        let id = session.welcome.sessionID
        let uris = CertificateName.session(id).uris
        let cases: [(TLSIdentity?, String)] = [
            (nil, "needs the session's certificate"),
            (try cluster.issue(commonName: "ann", uris: uris, usage: .client), "is not that of a session"),
            (try scene.authority.issue(commonName: "x", usage: .client), "is not that of a session"),
            (
                try scene.authority.issue(commonName: "x", uris: CertificateName.session("no").uris, usage: .client),
                "a session that is over"
            ),
            (
                try scene.authority.issue(commonName: "x", uris: uris, days: 1, validFrom: -200_000, usage: .client),
                "certificate expired"
            ),
            (
                try CertificateAuthority(commonName: "foreign").issue(commonName: "x", uris: uris, usage: .client),
                "unknown CA"
            ),
        ]
        for (identity, words) in cases {
            do {
                try await reverse(scene, context(scene, identity))
                Issue.record("taken; expected: \(words)")
            } catch let status as CallStatus {
                #expect(status.message.contains(words), "\(status): \(words)")
            }
        }
        // The session itself has suffered from none of it.
        try await reverse(scene, session.credential.context(alpn: Link.reverse))
        await scene.close()
    }

    @Test("A certificate is renewed on the live session, unless the credential is refused by then")
    func renewal() async throws {
        let scene = try await scene()
        var session = try await open(scene, token: "ann")
        func renew(_ token: String) async throws -> Renewal {
            try await session.writer.send(
                .renew(RenewRequest(credential: token, publicKey: session.credential.publicKey))
            )
            while let message = try await session.messages.next() {
                if case .renewal(let renewal) = message { return renewal }
            }
            throw CallStatus(.internal, "no answer")
        }
        let renewed = try await renew("ann")
        let certificate = try #require(renewed.certificate)
        #expect(certificate.chain != session.welcome.certificate?.chain)
        session.credential.take(certificate)
        try await reverse(scene, session.credential.context(alpn: Link.reverse))
        reviews.revoke("ann")
        let refused = try await renew("ann")
        #expect(refused.certificate == nil && refused.code == 16)
        session = try await open(scene, identity: cluster.issue(commonName: "ann", usage: .client))
        // On a link that shows a certificate of the cluster's no token is needed.
        #expect(try await renew("").certificate != nil)
        await scene.close()
    }

    @Test("A session whose certificate runs out is ended, and says so")
    func expiry() async throws {
        let scene = try await scene(lifetime: 1)
        let session = try await open(scene, token: "ann")
        var last: ManagerMessage?
        while let message = try? await session.messages.next() { last = message }
        let words = "the session's certificate has expired and was not renewed"
        #expect(last == .renewal(Renewal(code: 16, message: words)))
        await scene.close()
    }

    @Test("An agent gets in by the token of its pod, comes back by its certificate, and no further")
    func agents() async throws {
        let scene = try await scene()
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("token-\(UUID().uuidString)")
        try Data("p1\n".utf8).write(to: directory)
        defer { try? FileManager.default.removeItem(at: directory) }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let link = try scene.agentLink("p1", loop, token: directory.path)
        let agent = TrafficAgent(ports: [], prober: link, executor: loop.executor, logger: ManagerScene.logger)
        let running = Task { await link.run(agent) }
        let web = Principal.agent(namespace: "default", pod: "p1", podUID: "u1", serviceAccount: "web")
        let deadline = ContinuousClock.now.advanced(by: .seconds(30))
        while log.all.isEmpty, .now < deadline { try await Task.sleep(for: .milliseconds(20)) }
        #expect(log.all.first?["decision"] == "allowed" && log.all.first?["proof"] == "bound token")
        #expect(log.all.first?["principal"] == "the agent of pod default/p1")
        let certificate = try scene.authority.issue(
            commonName: "p1",
            uris: CertificateName.agent(web).uris,
            usage: .client
        )
        // It may dial back; a pod that had the name before may not.
        while await scene.manager.agent(namespace: "default", pod: "p1") == nil, .now < deadline {
            try await Task.sleep(for: .milliseconds(20))
        }
        try await reverse(scene, context(scene, certificate))
        let former = Principal.agent(namespace: "default", pod: "p1", podUID: "u0", serviceAccount: "web")
        let stale = try scene.authority.issue(
            commonName: "p1",
            uris: CertificateName.agent(former).uris,
            usage: .client
        )
        let refusal = await #expect(throws: CallStatus.self) { try await reverse(scene, context(scene, stale)) }
        #expect(refusal?.message.contains("a session that is over") == true)
        running.cancel()
        await running.value

        func hello(_ pod: String, _ identity: TLSIdentity?) async throws -> Welcome {
            let dialled = try await scene.dial(Link.forward, identity: identity)
            defer { dialled.eventLoop.execute { dialled.close() } }
            let (writer, messages) = try await CallClient(link: dialled).bidirectional(ManagerCalls.session)
            let agent = AgentHello(workloadKind: "Deployment", workloadName: "web", namespace: "default", podName: pod)
            try await writer.send(.hello(Hello(kind: .agent, agent: agent)))
            guard case .welcome(let welcome)? = try await messages.next() else { throw CallStatus(.internal, "") }
            return welcome
        }
        _ = try await hello("p1", certificate)
        for (pod, identity, words) in [
            ("p1", nil, "shows no token"), ("p2", certificate, "not of the agent of pod default/p2"),
        ] {
            do {
                _ = try await hello(pod, identity)
                Issue.record("let in: \(words)")
            } catch let status as CallStatus {
                #expect(status.code == .unauthenticated && status.message.contains(words), "\(status)")
            }
        }
        await scene.close()
    }
}
