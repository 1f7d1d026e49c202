import Actor
import Call
import Cluster
import Glibc
import HTTP2
import Kernel
import Logging
import Message
import NIOCore
import Synchronization
import TLS
import Tunnel

/// Opens sessions with the traffic manager of a cluster, through the API server's port-forward; where the manager is
/// published, they move to a direct link by themselves.
final class ManagerGateway: ClusterGateway {
    private let eventLoop: any EventLoop
    private let targets: NIOLoopBound<LocalTargets>
    private let accessSource: any ClusterAccessSource
    private let logger: Logger
    private let latest = Mutex<Cluster.ClusterAccess?>(nil)
    private let status: Mutex<StatusService?> = Mutex(nil)
    private let backoff = DirectBackoff()

    init(
        eventLoop: any EventLoop,
        targets: NIOLoopBound<LocalTargets>,
        accessSource: any ClusterAccessSource,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.targets = targets
        self.accessSource = accessSource
        self.logger = logger
    }

    /// Answers the manager's calls for status on reverse links from now on.
    func answer(_ service: StatusService) {
        status.withLock { $0 = service }
    }

    /// The cluster of the last connection that was opened, and the credentials for it.
    func presentAccess() -> Cluster.ClusterAccess? {
        latest.withLock { $0 }
    }

    func open(
        _ request: ConnectRequest,
        resuming: SessionFacts?,
        attachments: [Attachment],
        progress: @escaping ProgressReport
    ) async throws(DaemonFailure) -> any ManagerSession {
        do {
            return try await session(request, resuming, attachments, progress)
        } catch let failure as DaemonFailure {
            throw failure
        } catch let error as APIError {
            throw DaemonFailure(error)
        } catch let error as TLSError {
            throw DaemonFailure(.unavailable, "TLS with the traffic manager failed: \(error)")
        } catch {
            throw DaemonFailure(error)
        }
    }

    private func session(
        _ request: ConnectRequest,
        _ resuming: SessionFacts?,
        _ attachments: [Attachment],
        _ progress: @escaping ProgressReport
    ) async throws -> RemoteManagerSession {
        let access = try access(request)
        latest.withLock { $0 = access }
        progress("kubernetes", "Connecting to \(access.endpoint.url)")
        let namespace = request.managerNamespace.isEmpty ? "ambassador" : request.managerNamespace
        let api = APIConnection(access: access, eventLoop: eventLoop)
        defer { api.close() }
        let manager = try await ManagerPlace.find(api, namespace: namespace)
        if resuming == nil { try await Self.require(request.namespace, api) }
        progress("manager", "Connecting to the traffic manager in namespace \(namespace)")
        let credential = try SessionCredential(authorities: manager.authority)
        let linker = ManagerLinker(
            manager: manager,
            credential: credential,
            targets: targets,
            eventLoop: eventLoop,
            status: status.withLock { $0 }
        )
        let proof = try await WorkstationProof(access, manager)
        let forward = try await linker.forward(over: try await channel(access, manager), proof)
        do {
            return try await session(request, access, linker, forward, proof, resuming, attachments)
        } catch {
            await close(forward)
            throw error
        }
    }

    private func session(
        _ request: ConnectRequest,
        _ access: Cluster.ClusterAccess,
        _ linker: ManagerLinker,
        _ forward: NIOLoopBound<Link>,
        _ proof: WorkstationProof,
        _ resuming: SessionFacts?,
        _ attachments: [Attachment]
    ) async throws -> RemoteManagerSession {
        let (manager, credential) = (linker.manager, linker.credential)
        let client = try await eventLoop.submit { CallClient(link: forward.value) }.get()
        let (requests, responses) = try await client.bidirectional(ManagerCalls.session)
        let namespace = request.namespace.isEmpty ? access.namespace : request.namespace
        var hello = Self.hello(namespace, resuming, attachments)
        hello.credential = proof.token
        hello.publicKey = credential.publicKey
        try await requests.send(.hello(hello))
        guard case .welcome(let welcome) = try await responses.next() else {
            throw DaemonFailure(.unavailable, "the traffic manager did not welcome this session")
        }
        guard let certificate = welcome.certificate else {
            throw DaemonFailure(.failed, "the traffic manager \(welcome.managerVersion) has issued no certificate")
        }
        credential.take(certificate)
        let reverse = try await linker.reverse(over: try await channel(access, manager))
        let facts = SessionFacts(
            context: access.contextName ?? "",
            server: access.endpoint.url,
            namespace: namespace,
            managerNamespace: manager.namespace,
            managerVersion: welcome.managerVersion,
            sessionID: welcome.sessionID,
            secret: welcome.secret,
            cluster: welcome.cluster ?? ClusterInfo(),
            link: Self.linkName(access.endpoint),
            resumed: welcome.resumed
        )
        let agents = AgentDialler(linker: linker) { [eventLoop] pod throws(APIError) in
            try await PortForward.open(
                access: access,
                namespace: pod.namespace,
                pod: pod.name,
                port: Int(pod.port),
                on: eventLoop
            )
        }
        let session = try await eventLoop.submit { [eventLoop, logger] in
            RemoteManagerSession(
                facts: facts,
                way: ManagerWay(forward: forward.value, reverse: reverse.value, name: "port-forward"),
                eventLoop: eventLoop,
                client: client,
                requests: requests,
                credential: credential,
                source: access.credentials,
                agents: agents,
                logger: logger
            )
        }.get()
        session.start(
            responses,
            keeper: DirectLinkKeeper(
                linker: linker,
                dial: directDial(request, facts),
                proof: { try await WorkstationProof(access, manager) },
                hello: Self.hello(namespace, facts, []),
                backoff: backoff,
                logger: logger
            )
        )
        return session
    }

    /// A link must not run through the interface whose traffic it carries; in isolated mode it does not.
    private func directDial(_ request: ConnectRequest, _ facts: SessionFacts) -> DirectDial {
        guard !request.isolated else { return DirectDial(eventLoop: eventLoop, routed: [], kept: []) }
        let routed = request.alsoProxy + facts.cluster.serviceSubnets + facts.cluster.podSubnets
        return DirectDial(
            eventLoop: eventLoop,
            routed: routed.compactMap { InternetPrefix($0) },
            kept: Set(HostDevice.directAddresses(facts.cluster))
        )
    }

    /// Tells a namespace that does not exist now, rather than later by names that do not resolve.
    private static func require(_ namespace: String, _ api: APIConnection) async throws(DaemonFailure) {
        guard !namespace.isEmpty else { return }
        do throws(APIError) {
            _ = try await api.get(.namespaces, name: namespace)
        } catch {
            // Who may not look cannot know.
            guard error.kind == .notFound else { return }
            throw DaemonFailure(.notFound, "there is no namespace \(namespace); see: kubectl get namespaces")
        }
    }

    // MARK: - Links

    /// A connection to the manager's port, through the API server.
    private func channel(
        _ access: Cluster.ClusterAccess,
        _ manager: ManagerPlace
    ) async throws(APIError) -> any Channel {
        try await PortForward.open(
            access: access,
            namespace: manager.namespace,
            pod: manager.pod,
            port: manager.port,
            on: eventLoop
        )
    }

    /// As `status` says it; where the first way of port-forwarding is refused, which one is taken, and why.
    private static func linkName(_ endpoint: ClusterEndpoint) -> String {
        guard let detour = PortForward.detour(endpoint) else { return "port-forward" }
        return "port-forward by \(detour.way.rawValue) (\(detour.reason))"
    }

    private func close(_ link: NIOLoopBound<Link>) async {
        _ = try? await eventLoop.submit { link.value.close() }.get()
    }

    // MARK: - Who and where

    private func access(_ request: ConnectRequest) throws(DaemonFailure) -> Cluster.ClusterAccess {
        do {
            return try accessSource.access(for: request)
        } catch {
            throw DaemonFailure(.invalid, "\(error)")
        }
    }

    /// user@host, as the manager knows this workstation.
    static func owner() -> String { "\(user())@\(host())" }

    private static func user() -> String {
        getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "user \(geteuid())"
    }

    private static func host() -> String {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        return String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    private static func hello(
        _ namespace: String,
        _ resuming: SessionFacts?,
        _ attachments: [Attachment]
    ) -> Hello {
        var client = ClientHello()
        client.user = user()
        client.host = host()
        client.namespace = namespace
        client.attachments = attachments
        var hello = Hello()
        hello.kind = .client
        hello.version = ProductVersion.text
        hello.sessionID = resuming?.sessionID ?? ""
        hello.secret = resuming?.secret ?? []
        hello.client = client
        return hello
    }
}
