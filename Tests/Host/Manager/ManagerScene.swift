import Actor
import Call
import HTTP2
import Logging
import Message
import NIOCore
import NIOPosix
import TLS
import Tunnel

@testable import Host

/// A traffic manager on loopback with its own authority; workstations and agents dial it as they do in a cluster.
final class ManagerScene: Sendable {
    static let serverName = "traffic-manager.ambassador.svc"
    static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    let manager: TrafficManager
    let logs = LogStore(echo: false)
    let authority: CertificateAuthority
    let credentials: ManagerCredentials
    let port: Int
    private let server: ManagerServer
    private let socket: any Channel

    init(
        _ cluster: any ManagedCluster,
        judge: any AccessJudge = OpenJudge(),
        port: Int = 0,
        authority: CertificateAuthority? = nil,
        clusterAuthorities: [UInt8] = [],
        lifetime: Int = 3600
    ) async throws {
        let authority = try authority ?? CertificateAuthority(commonName: "test")
        self.authority = authority
        credentials = try ManagerCredentials(
            authority: ManagerAuthority(authority: authority),
            names: [Self.serverName],
            clusterAuthorities: clusterAuthorities,
            lifetime: lifetime,
            now: CredentialKeeper.now
        )
        manager = TrafficManager(
            cluster: cluster,
            judge: judge,
            version: "test",
            timeouts: ManagerTimeouts(agentArrival: .seconds(10), propagation: .zero),
            logger: Self.logger
        )
        server = try await ManagerServer.make(
            manager: manager,
            judge: judge,
            credentials: credentials,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logs: logs,
            logger: Self.logger
        )
        socket = try await server.listen(host: "127.0.0.1", port: port)
        self.port = socket.localAddress?.port ?? 0
    }

    /// Ends the manager as a crash would: sockets close.
    func close() async {
        try? await socket.close()
        await server.drain()
    }

    func dial(
        _ alpn: String,
        _ configuration: LinkConfiguration = LinkConfiguration(),
        identity: TLSIdentity? = nil
    ) async throws -> Link {
        let context = try TLSContext.client(
            trust: .authorities(pem: authority.certificatePEM),
            identity: identity,
            alpn: [alpn]
        )
        return try await dial(context, configuration)
    }

    func dial(_ context: TLSContext, _ configuration: LinkConfiguration) async throws -> Link {
        try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port)
            .flatMap { channel in
                Link.startTLS(
                    on: channel,
                    context: context,
                    dialler: Self.serverName,
                    configuration: configuration
                )
            }.get()
    }

    /// An agent's link to this manager, running.
    func agentLink(
        _ pod: String,
        _ loop: any EventLoop,
        ports: [AgentRoutes.Port] = [],
        token: String = "/nowhere",
        credential: SessionCredential? = nil,
        dialBack: AgentDialBack? = nil,
        logs: LogStore = LogStore(echo: false)
    ) throws -> AgentLink {
        AgentLink(
            eventLoop: loop,
            host: "127.0.0.1",
            port: port,
            serverName: Self.serverName,
            credential: try credential ?? SessionCredential(authorities: authority.certificatePEM),
            tokenPath: token,
            hello: AgentHello(
                workloadKind: "Deployment",
                workloadName: "web",
                namespace: "default",
                podName: pod,
                podIP: "127.0.0.1",
                containers: [ContainerInfo(name: "app", environment: ["POD": pod])],
                ports: ports.map { AgentPort(container: "app", containerPort: $0.number, protocol: $0.transport) }
            ),
            dialBack: dialBack,
            logs: logs,
            logger: Self.logger
        )
    }

    /// The way in which an agent dials back to this manager.
    func dialBack(
        _ service: StatusService,
        _ loop: any EventLoop,
        _ credential: SessionCredential,
        idleTime: TimeAmount
    ) -> AgentDialBack {
        AgentDialBack(
            eventLoop: loop,
            host: "127.0.0.1",
            port: port,
            serverName: Self.serverName,
            credential: credential,
            service: service,
            idleTime: idleTime,
            logger: Self.logger
        )
    }
}
