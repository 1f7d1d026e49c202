import Actor
import Call
import Cluster
import Glibc
import HTTP2
import Logging
import Message
import NIOCore
import TLS
import Tunnel

/// Opens sessions with the traffic manager of a cluster, through the API server's port-forward.
final class ManagerGateway: ClusterGateway {
    private let eventLoop: any EventLoop
    private let targets: NIOLoopBound<LocalTargets>
    private let accessSource: any ClusterAccessSource
    private let logger: Logger

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
        progress("kubernetes", "Connecting to \(access.endpoint.url)")
        let namespace = request.managerNamespace.isEmpty ? "ambassador" : request.managerNamespace
        let api = APIConnection(access: access, eventLoop: eventLoop)
        defer { api.close() }
        let manager = try await ManagerPlace.find(api, namespace: namespace)
        if resuming == nil { try await Self.require(request.namespace, api) }
        progress("manager", "Connecting to the traffic manager in namespace \(namespace)")
        let forward = try await dial(access, manager, alpn: Link.forward) { _ in }
        do {
            return try await session(request, access, manager, forward, resuming, attachments)
        } catch {
            await close(forward)
            throw error
        }
    }

    private func session(
        _ request: ConnectRequest,
        _ access: Cluster.ClusterAccess,
        _ manager: ManagerPlace,
        _ forward: NIOLoopBound<Link>,
        _ resuming: SessionFacts?,
        _ attachments: [Attachment]
    ) async throws -> RemoteManagerSession {
        let client = try await eventLoop.submit { CallClient(link: forward.value) }.get()
        let (requests, responses) = try await client.bidirectional(ManagerCalls.session)
        let namespace = request.namespace.isEmpty ? access.namespace : request.namespace
        try await requests.send(.hello(Self.hello(namespace, resuming, attachments)))
        guard case .welcome(let welcome) = try await responses.next() else {
            throw DaemonFailure(.unavailable, "the traffic manager did not welcome this session")
        }
        let reverse = try await reverseLink(access, manager, welcome)
        let facts = SessionFacts(
            context: access.contextName ?? "",
            server: access.endpoint.url,
            namespace: namespace,
            managerNamespace: manager.namespace,
            managerVersion: welcome.managerVersion,
            sessionID: welcome.sessionID,
            secret: welcome.secret,
            cluster: welcome.cluster ?? ClusterInfo(),
            link: "port-forward",
            resumed: welcome.resumed
        )
        let links = try await eventLoop.submit { [eventLoop] in
            NIOLoopBound(
                RemoteManagerSession.Links(forward: forward.value, reverse: reverse.value),
                eventLoop: eventLoop
            )
        }.get()
        let session = RemoteManagerSession(
            facts: facts,
            links: links,
            eventLoop: eventLoop,
            client: client,
            requests: requests
        )
        session.start(responses)
        return session
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

    /// A link on which the manager opens tunnels towards this workstation.
    private func reverseLink(
        _ access: Cluster.ClusterAccess,
        _ manager: ManagerPlace,
        _ welcome: Welcome
    ) async throws -> NIOLoopBound<Link> {
        var router = CallRouter()
        let identity = WorkstationIdentity(sessionID: welcome.sessionID, secret: welcome.secret)
        router.unary(WorkstationCalls.identify) { _, _ in identity }
        let (targets, calls) = (targets, router)
        return try await dial(access, manager, alpn: Link.reverse) { link in
            link.onStream = { stream, fields, _ in
                if targets.value.handle(stream, fields) { return }
                if !calls.handle(stream, fields) { stream.reset(.refusedStream) }
            }
        }
    }

    private func dial(
        _ access: Cluster.ClusterAccess,
        _ manager: ManagerPlace,
        alpn: String,
        onStart: @escaping @Sendable (Link) -> Void
    ) async throws -> NIOLoopBound<Link> {
        let context = try TLSContext.client(
            trust: .authorities(pem: manager.authority),
            identity: nil,
            alpn: [alpn],
            minimumVersion: .v1_3
        )
        let channel = try await PortForward.open(
            access: access,
            namespace: manager.namespace,
            pod: manager.pod,
            port: manager.port,
            on: eventLoop
        )
        let eventLoop = eventLoop
        return try await eventLoop.flatSubmit {
            Link.startTLS(
                on: channel,
                context: context,
                dialler: manager.serverName,
                configuration: LinkConfiguration(onStart: onStart)
            ).map { NIOLoopBound($0, eventLoop: eventLoop) }
        }.get()
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

    private static func hello(
        _ namespace: String,
        _ resuming: SessionFacts?,
        _ attachments: [Attachment]
    ) -> Hello {
        var host = [CChar](repeating: 0, count: 256)
        gethostname(&host, host.count - 1)
        var client = ClientHello()
        client.user = getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? "user \(geteuid())"
        client.host = String(decoding: host.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
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
