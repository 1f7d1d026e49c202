import Actor
import Kernel
import Logging
import Message
import Network
import NIOCore
import NIOPosix
import Tunnel

/// The workstation's network: joins the virtual interface, its resolver and the local targets to the present session.
///
/// Concurrency model: the actor owns `device` and orders what is done; `parts` and `targets` are confined to the event loop
/// that carries packets and links.
actor WorkstationRuntime: WorkstationNetwork {
    /// What lives on the loop while connected.
    private final class Parts {
        let path: WorkstationPath
        let interface: VirtualInterface
        let names: ClusterExchange
        let resolver: DNSResolver
        let server: DNSServer
        var cluster = ClusterInfo()
        var dialler: TunnelDialler?

        init(
            path: WorkstationPath,
            interface: VirtualInterface,
            names: ClusterExchange,
            resolver: DNSResolver,
            server: DNSServer
        ) {
            self.path = path
            self.interface = interface
            self.names = names
            self.resolver = resolver
            self.server = server
        }
    }

    nonisolated let targets: NIOLoopBound<LocalTargets>
    private let agents: AgentLinks
    private let volumes: VolumeMounts
    private let podPorts: PodPorts
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let devices: @Sendable (ConnectRequest) -> any WorkstationDevice
    private var device: (any WorkstationDevice)?
    private var parts: NIOLoopBound<Parts>?
    private var request = ConnectRequest()
    private var namespace = ""

    /// `devices` makes what makes the interface, for host or isolated mode.
    ///
    /// - Parameters:
    ///   - eventLoop: carries packets and links.
    ///   - volumeSocket: where sshfs meets the daemon.
    ///   - executable: the program that runs the hidden sub-commands.
    ///   - logger: for what happens.
    ///   - devices: see above.
    /// - Throws: When the event loop is over.
    init(
        eventLoop: any EventLoop,
        volumeSocket: String,
        executable: String = "/proc/self/exe",
        logger: Logger,
        devices: @escaping @Sendable (ConnectRequest) -> any WorkstationDevice
    ) async throws {
        self.eventLoop = eventLoop
        self.logger = logger
        self.devices = devices
        agents = AgentLinks(eventLoop: eventLoop, logger: logger)
        targets = try await eventLoop.submit {
            NIOLoopBound(LocalTargets(eventLoop: eventLoop), eventLoop: eventLoop)
        }.get()
        podPorts = PodPorts(eventLoop: eventLoop, targets: targets, logger: logger)
        volumes = VolumeMounts(
            socket: volumeSocket,
            eventLoop: eventLoop,
            targets: targets,
            executable: executable,
            logger: logger
        )
    }

    func setUp(
        _ request: ConnectRequest,
        session: any ManagerSession,
        progress: @escaping ProgressReport,
        lost: @escaping @Sendable (String) -> Void
    ) async throws(DaemonFailure) -> NetworkFacts {
        let facts = session.facts
        self.request = request
        namespace = facts.namespace
        progress("network", request.isolated ? "Making the isolated network" : "Setting up the virtual interface")
        let routes = try Self.routes(facts.cluster, request)
        let device = devices(request)
        self.device = device
        let opened = try await device.open(request, facts: facts, routes: routes, lost: lost)
        try await require(device)
        let started: NIOLoopBound<Parts>
        do {
            started = try await start(opened, request, device, lost: lost)
        } catch {
            throw DaemonFailure(.failed, "the virtual interface cannot be started: \(error)")
        }
        if self.device !== device { await stop(started) }
        try await require(device)
        parts = started
        await use(session)
        await apply(facts.cluster)
        return opened.facts
    }

    /// A device that was torn down while it was made is taken away, whatever came of it.
    private func require(_ device: any WorkstationDevice) async throws(DaemonFailure) {
        guard self.device !== device else { return }
        await device.close()
        throw DaemonFailure(.failed, "the network was undone while it was set up")
    }

    func use(_ session: (any ManagerSession)?) async {
        guard let parts else { return }
        let remote = session as? RemoteManagerSession
        await agents.use(remote?.agents, session: remote?.facts.sessionID)
        await volumes.use(remote)
        await podPorts.use(remote)
        guard let session = remote else {
            _ = try? await eventLoop.submit { Self.use(nil, parts.value) }.get()
            return
        }
        await session.withDialler { [weak session] dialler in
            Self.use(dialler, parts.value)
            parts.value.path.onDial = { session?.noteUse() }
        }
    }

    func update(_ cluster: ClusterInfo) async {
        await apply(cluster)
        if let routes = try? Self.routes(cluster, request) { await device?.update(routes: routes) }
    }

    func serve(_ attachments: [Attachment]) async {
        let targets = targets
        _ = try? await eventLoop.submit { targets.value.allow(attachments) }.get()
        await agents.serve(attachments)
        await podPorts.keep(only: Set(attachments.map(\.id)))
        await volumes.keep(only: attachments)
    }

    func listen(toPod ports: [PortSpec]) async throws(DaemonFailure) -> UInt64 {
        try await podPorts.listen(ports, device)
    }

    func lead(_ listeners: UInt64, to attachmentID: String?) async {
        await podPorts.lead(listeners, to: attachmentID)
    }

    func mount(_ attachment: Attachment, _ wish: MountWish) async -> MountState {
        await volumes.mount(attachment, wish, isIsolated: request.isolated)
    }

    func mounts() async -> [String: MountState] {
        await volumes.states
    }

    func ways(_ attachments: [Attachment]) async -> [AttachmentWay] {
        await agents.ways(attachments)
    }

    func rootStatus() async -> RootStatus? {
        await device?.rootStatus()
    }

    /// What has gone through: tunnels, names, packets.
    func statusRows() async -> StatusReport {
        let (parts, targets) = (parts, targets)
        let links = await agents.rows()
        let report = try? await eventLoop.submit {
            var report = StatusReport(links: links)
            report.add("to-workstation", targets.value.ledger)
            guard let parts = parts?.value else { return report }
            report.add("to-cluster", parts.path.ledger)
            report.add(parts.resolver.counters)
            report.add(parts.interface.counters)
            return report
        }.get()
        return report ?? StatusReport()
    }

    func tearDown() async {
        // Together: what is there when the rest has been waited for may be another connection's.
        let (parts, device) = (parts, device)
        self.parts = nil
        self.device = nil
        await podPorts.close()
        await volumes.close()
        await agents.close()
        await stop(parts)
        await device?.close()
    }

    /// Ends what lives on the loop.
    private func stop(_ parts: NIOLoopBound<Parts>?) async {
        let targets = targets
        _ = try? await eventLoop.submit {
            targets.value.allow([])
            targets.value.inside = nil
            guard let parts else { return }
            parts.value.names.use(nil, server: "")
            parts.value.server.close()
            (parts.value.resolver.upstream as? UpstreamExchange)?.close()
            parts.value.interface.stop()
        }.get()
    }

    // MARK: - On the loop

    private func start(
        _ opened: DeviceParts,
        _ request: ConnectRequest,
        _ device: any WorkstationDevice,
        lost: @escaping @Sendable (String) -> Void
    ) async throws -> NIOLoopBound<Parts> {
        let (eventLoop, targets, namespace) = (eventLoop, targets, namespace)
        return try await eventLoop.flatSubmit {
            UpstreamExchange.start(
                nameservers: opened.nameservers,
                sockets: opened.upstream,
                eventLoop: eventLoop
            ).flatMapThrowing { upstream in
                let path = WorkstationPath(eventLoop: eventLoop, isolated: request.isolated, failed: lost)
                let interface = VirtualInterface(
                    tun: opened.tun,
                    listeners: opened.listeners,
                    eventLoop: eventLoop,
                    delegate: path
                )
                let names = ClusterExchange(eventLoop: eventLoop)
                let resolver = DNSResolver(
                    eventLoop: eventLoop,
                    policy: DNSPolicy(namespace: namespace),
                    cluster: names,
                    upstream: upstream.value
                )
                let server = DNSServer(resolver: resolver, eventLoop: eventLoop)
                path.resolver = server
                if request.isolated { targets.value.inside = Self.inside(device, eventLoop) }
                for socket in opened.nameDatagrams { server.serveDatagrams(on: socket).whenFailure { lost("\($0)") } }
                for socket in opened.nameStreams { server.serveStreams(on: socket).whenFailure { lost("\($0)") } }
                try interface.start()
                let parts = Parts(path: path, interface: interface, names: names, resolver: resolver, server: server)
                return NIOLoopBound(parts, eventLoop: eventLoop)
            }
        }.get()
    }

    private static func use(_ dialler: TunnelDialler?, _ parts: Parts) {
        parts.dialler = dialler
        parts.path.use(dialler)
        parts.names.use(dialler, server: parts.cluster.dnsAddress)
    }

    private func apply(_ cluster: ClusterInfo) async {
        guard let parts else { return }
        let (request, namespace) = (request, namespace)
        let routes = (try? Self.routes(cluster, request)) ?? []
        _ = try? await eventLoop.submit {
            let mapped = request.mappedNamespaces
            let namespaces = mapped.isEmpty ? cluster.namespaces : cluster.namespaces.filter(mapped.contains)
            parts.value.resolver.policy = DNSPolicy(
                clusterDomain: cluster.clusterDomain.isEmpty ? "cluster.local" : cluster.clusterDomain,
                namespace: namespace,
                namespaces: namespaces,
                subnets: routes
            )
            parts.value.path.route(routes, except: request.neverProxy.compactMap { InternetPrefix($0) })
            if parts.value.cluster.dnsAddress != cluster.dnsAddress {
                parts.value.names.use(parts.value.dialler, server: cluster.dnsAddress)
            }
            parts.value.cluster = cluster
        }.get()
    }

    /// A dial inside the isolated namespaces, for handlers that run there.
    private static func inside(_ device: any WorkstationDevice, _ eventLoop: any EventLoop) -> LocalTargets.InsideDial {
        { destination, done in
            let bound = NIOLoopBound(done, eventLoop: eventLoop)
            Task {
                // A name is looked up each time: what it means may change.
                var socket: Descriptor?
                for address in await Self.addresses(of: destination.host) where socket == nil {
                    socket = await device.dialInside(InternetEndpoint(address, port: destination.port))
                }
                let found = socket
                eventLoop.execute {
                    guard let socket = found else { return bound.value(nil) }
                    TunnelSocket.bootstrap(eventLoop, timeout: .seconds(1))
                        .withConnectedSocket(socket.take())
                        .whenComplete { bound.value(try? $0.get()) }
                }
            }
        }
    }

    /// The addresses of a host, which may be one itself.
    private static func addresses(of host: String) async -> [InternetAddress] {
        if let address = InternetAddress(host) { return [address] }
        return (try? await NIOThreadPool.singleton.runIfActive { HostName.addresses(of: host) }) ?? []
    }

    /// The subnets that are routed: the cluster's and `--also-proxy`.
    private static func routes(
        _ cluster: ClusterInfo,
        _ request: ConnectRequest
    ) throws(DaemonFailure) -> [InternetPrefix] {
        var routes: [InternetPrefix] = []
        for text in request.alsoProxy {
            guard let prefix = InternetPrefix(text) else {
                throw DaemonFailure(.invalid, "--also-proxy \(text) is no subnet; write 10.1.0.0/16")
            }
            routes.append(prefix)
        }
        routes += (cluster.serviceSubnets + cluster.podSubnets).compactMap { InternetPrefix($0) }
        if let wrong = request.neverProxy.first(where: { InternetPrefix($0) == nil }) {
            throw DaemonFailure(.invalid, "--never-proxy \(wrong) is no subnet; write 10.1.0.0/16 or 10.1.2.3/32")
        }
        var seen: Set<InternetPrefix> = []
        return routes.filter { seen.insert($0).inserted }
    }
}
