@testable import Actor
import Cluster
import Foundation
import Message
import NIOCore
import NIOPosix
import TLS

@testable import Host

/// A TLS port of an app behind the real agent, a manager, and a workstation; certificates are in files, as the kubelet would put them.
///
///     caller ─TLS─► agent ─┬─TLS─► app
///                          └─TLS, or plain─► manager ─► workstation ─► handler
final class TLSScene: Sendable {
    /// Who issued all certificates.
    let authority: CertificateAuthority
    let directory: String
    let manager: ManagerScene
    let workstation: TestWorkstation
    /// Where callers come.
    let port: Int
    private let listener: any Channel
    private let running: Task<Void, Never>

    /// What callers trust: the authority, under the name `web.test`.
    func client(
        alpn: [String] = [],
        identity: TLSIdentity? = nil,
        newest: TLSVersion = .v1_3
    ) throws -> TLSContext {
        try .client(
            trust: .authorities(pem: authority.certificatePEM),
            identity: identity,
            alpn: alpn,
            maximumVersion: newest
        )
    }

    /// A server's certificate of the authority, and whose certificates it wants to see.
    static func server(
        _ authority: CertificateAuthority,
        _ name: String,
        alpn: [String] = [],
        mutual: Bool = false
    ) throws -> TLSContext {
        try .server(
            identity: authority.issue(commonName: name, dnsNames: ["web.test"]),
            clientTrust: mutual ? .authorities(pem: authority.certificatePEM) : nil,
            requireClientCertificate: mutual,
            alpn: alpn
        )
    }

    init(
        _ authority: CertificateAuthority,
        appPort: UInt16,
        hasUpstream: Bool = false,
        hasAuthority: Bool = false,
        skipsVerification: Bool = false
    ) async throws {
        self.authority = authority
        directory = NSTemporaryDirectory() + "tls-\(UUID().uuidString)"
        let (downstream, upstream) = (directory + "/down", directory + "/up")
        try Self.write(authority.issue(commonName: "agent", dnsNames: ["web.test"]), to: downstream)
        if hasAuthority { try Self.write(authority.certificatePEM, downstream + "/ca.crt") }
        if hasUpstream { try Self.write(authority.issue(commonName: "upstream"), to: upstream) }
        manager = try await ManagerScene(StillCluster(pods: ["p1"], port: appPort))
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let key = AgentRoutes.Port(number: appPort, transport: .tcp)
        let link = try manager.agentLink("p1", loop, ports: [key])
        let agent = TrafficAgent(ports: [key], prober: link, executor: loop.executor, logger: ManagerScene.logger)
        listener = try await TCPForwarder(
            port: key,
            appHost: "127.0.0.1",
            agent: agent,
            link: link,
            patience: .seconds(30),
            tls: AgentConfig.TLS(
                downstream: downstream,
                upstream: hasUpstream ? upstream : nil,
                skipsVerification: skipsVerification,
                probeTimeout: 30_000
            ),
            logger: ManagerScene.logger
        ).listen(agentPort: 0)
        port = listener.localAddress?.port ?? 0
        running = Task { await link.run(agent) }
        workstation = try await TestWorkstation(manager)
    }

    /// Puts other certificates into place, as the kubelet does: by a rename.
    func renew(_ name: String) throws {
        let identity = try authority.issue(commonName: name, dnsNames: ["web.test"])
        try Self.write(identity, to: directory + "/new")
        for file in ["tls.crt", "tls.key"] {
            _ = rename("\(directory)/new/\(file)", "\(directory)/down/\(file)")
        }
    }

    /// As when the secret is not there.
    func removeCertificate() throws { try FileManager.default.removeItem(atPath: directory + "/down") }

    private static func write(_ identity: TLSIdentity, to directory: String) throws {
        try write(identity.certificateChainPEM, directory + "/tls.crt")
        try write(identity.privateKeyPEM, directory + "/tls.key")
    }

    private static func write(_ bytes: [UInt8], _ path: String) throws {
        let url = URL(fileURLWithPath: path)
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(),
            withIntermediateDirectories: true
        )
        try Data(bytes).write(to: url)
    }

    /// Attaches, for requests with `x-dev: me` unless it is to be for all of them.
    func intercept(_ localPort: UInt16, all: Bool = false, plaintext: Bool = false) async throws -> RequestResult {
        try await workstation.attach(
            .intercept,
            localPort: localPort,
            headers: all ? [:] : ["x-dev": "me"],
            plaintext: plaintext
        )
    }

    /// The body that answers a request, as `name protocol caller`.
    func get(_ context: TLSContext, _ lines: String...) async throws -> TLSAsker {
        try await TLSAsker.get(port: port, context, lines.first ?? "Accept: */*")
    }

    func close() async {
        await workstation.cut()
        running.cancel()
        try? await listener.close()
        await manager.close()
        try? FileManager.default.removeItem(atPath: directory)
    }
}
