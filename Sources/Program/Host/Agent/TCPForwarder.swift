import Actor
import Cluster
import HTTP2
import Logging
import NIOCore
import NIOPosix
import TLS
import Tunnel

/// Stands in front of one TCP port of the app: passes connections on to it, or to a workstation.
///
/// Confined to the link's event loop. No byte of a connection is read before it is known who serves it, so falling back to
/// the app loses nothing. A connection that begins with the app is followed by an ``HTTPGate``: if it is HTTP, an attachment that comes
/// later holds from its next request on.
///
/// TLS is passed on as it is, unless the port's annotations say how to end it, and an attachment makes that necessary: a filter, or
/// the wish for plain text. Such a port's connections from before that stay with the app.
final class TCPForwarder {
    /// A workstation that has not answered by then is taken for gone: the app answers within a second.
    static let patience = TimeAmount.milliseconds(700)

    private let port: AgentRoutes.Port
    private let agent: TrafficAgent
    private let link: AgentLink
    private let eventLoop: any EventLoop
    private let patience: TimeAmount
    private let dialler: PodDialler
    private let http: HTTPPort
    /// Nil where TLS is never ended.
    private let tls: TLSPort?
    /// Why it is not although the pod says something about it.
    private let tlsProblem: String?
    /// Callers whose connections never go to a workstation.
    private let alwaysToApp: Set<String>

    init(
        port: AgentRoutes.Port,
        appHost: String?,
        agent: TrafficAgent,
        link: AgentLink,
        patience: TimeAmount = TCPForwarder.patience,
        alwaysToApp: Set<String> = [],
        tls: AgentConfig.TLS? = nil,
        tlsProblem: String? = nil,
        logger: Logger = Logger(label: "agent")
    ) {
        self.patience = patience
        self.alwaysToApp = alwaysToApp
        self.tlsProblem = tlsProblem
        self.port = port
        self.agent = agent
        self.link = link
        eventLoop = link.eventLoop
        let (loop, counts) = (link.eventLoop, link.counts)
        let router = AgentRouter(agent, port)
        let dialler = PodDialler(
            appHost: appHost,
            appPort: port.number,
            agent: agent,
            link: link,
            patience: patience
        )
        self.dialler = dialler
        http = HTTPPort(eventLoop: loop, router: router, dialler: dialler, counts: counts, isPlain: true)
        self.tls = tls.map { settings in
            TLSPort(
                number: port.number,
                settings: settings,
                hasApp: appHost != nil,
                eventLoop: loop,
                base: dialler,
                logger: logger
            ) { dialler in
                HTTPPort(eventLoop: loop, router: router, dialler: dialler, counts: counts, isPlain: false)
            }
        }
    }

    /// Listens on `agentPort` on all addresses.
    func listen(agentPort: Int) async throws -> any Channel {
        await agent.watchRoutes {
            self.http.routesChanged()
            self.tls?.routesChanged()
        }
        await agent.check(port) { [self] in tlsProblem ?? tls?.obstacle }
        let bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.accepted(channel) }
            }
        do {
            return try await bootstrap.bind(host: "::", port: agentPort).get()
        } catch {
            // A pod without IPv6.
            return try await bootstrap.bind(host: "0.0.0.0", port: agentPort).get()
        }
    }

    private func accepted(_ channel: any Channel) throws {
        try DescriptorReserve.check(channel)
        try TunnelSocket.holdReading(channel)
        try channel.syncOptions?.setOption(.recvAllocator, value: TunnelSocket.readBuffers)
        try channel.syncOptions?.setOption(.writeBufferWaterMark, value: .init(low: 262_144, high: 1_048_576))
        let counts = NIOLoopBound(link.counts, eventLoop: eventLoop)
        counts.value.open += 1
        channel.closeFuture.whenComplete { _ in counts.value.open -= 1 }
        if isProber(channel.remoteAddress) {
            return try pass(channel)
        }
        let (route, taps) = agent.assumeIsolated { [port] in ($0.route(port), $0.taps(port)) }
        guard let tls else {
            try tap(channel, taps)
            return try serve(channel, route, http)
        }
        // A copy of what is enciphered, for who has not asked for plain text.
        try tap(channel, taps.filter { !$0.isPlaintext })
        let plainTaps = taps.filter(\.isPlaintext)
        switch route {
        case .workstation(let target) where target.isPlaintext: break
        case .filtered: break
        case .app, .workstation:
            guard !plainTaps.isEmpty else { return try serve(channel, route, nil) }
        }
        try open(channel, tls, route, plainTaps)
    }

    /// Serves a connection whose route is known; what goes to the app is followed by `http`, or not at all.
    private func serve(_ channel: any Channel, _ route: AgentRoutes.Route, _ http: HTTPPort?) throws {
        let toApp = { [self] in if let http { try http.serve(channel) } else { try pass(channel) } }
        guard case .workstation(let target) = route, link.hasWay(to: target) else { return try toApp() }
        let input = HeldInput()
        try channel.pipeline.syncOperations.addHandler(input)
        link.openTCP(to: target, within: patience) { [self] result in
            link.counts.tunnels.took(result, WorkstationFields.destination(target))
            switch result {
            case .success(let stream):
                link.counts.workstation += 1
                Splice.join(channel, stream)
                input.release()
            case .failure(let failure):
                link.counts.fallback += 1
                if failure == .timeout { agent.assumeIsolated { $0.unanswered(target.attachmentID) } }
                do {
                    try toApp()
                    input.release()
                } catch {
                    channel.close(promise: nil)
                }
            }
        }
    }

    /// Copies what comes to wiretaps.
    private func tap(_ channel: any Channel, _ taps: [AgentRoutes.Target]) throws {
        guard !taps.isEmpty, let handler = link.taps.handler(for: taps) else { return }
        try channel.pipeline.syncOperations.addHandler(handler)
    }

    // MARK: TLS

    /// Looks whether a connection begins with TLS, and ends it.
    private func open(
        _ channel: any Channel,
        _ tls: TLSPort,
        _ route: AgentRoutes.Route,
        _ taps: [AgentRoutes.Target]
    ) throws {
        let place = NIOLoopBoundBox<TLSDoor?>(nil, eventLoop: eventLoop)
        let door = TLSDoor { [self] hello in
            guard let door = place.value else { return }
            guard let hello else {
                // As plain as anybody may want it.
                return finish(channel, door) {
                    try tap(channel, taps)
                    if case .workstation = route { return try serve(channel, route, nil) }
                    try pass(channel)
                }
            }
            let wantsPlain = wantsPlain
            tls.judge(hello, wantsPlain: wantsPlain) { [self] verdict in
                guard channel.isActive else { return }
                switch verdict {
                case .pass: finish(channel, door) { try pass(channel) }
                case .end(let context, let flavour):
                    tls.entered(flavour, channel)
                    TLSHandshake.perform(on: channel, context, .server, within: .seconds(10)) { [self] result in
                        guard case .success = result else { return channel.close(promise: nil) }
                        finish(channel, nil) { try serveOpened(channel, flavour, taps) }
                    }
                    door.release()
                }
            }
        }
        place.value = door
        try channel.pipeline.syncOperations.addHandler(door)
    }

    /// Serves a connection whose TLS has been ended.
    private func serveOpened(_ channel: any Channel, _ flavour: TLSPort.Flavour, _ taps: [AgentRoutes.Target]) throws {
        try tap(channel, taps)
        // Whoever wants all of it in plain text need not speak HTTP.
        let route = agent.assumeIsolated { [port] in $0.route(port) }
        guard case .workstation(let target) = route, target.isPlaintext else { return try flavour.http.serve(channel) }
        try serve(channel, route, flavour.http)
    }

    /// Whether anybody wants plain text of requests to this port.
    private var wantsPlain: Bool {
        agent.assumeIsolated { [port] agent in
            switch agent.route(port) {
            case .app: false
            case .workstation(let target): target.isPlaintext
            case .filtered: agent.candidates(port).contains { $0.target.isPlaintext }
            }
        }
    }

    /// Does the last that may fail, and lets what was kept back go on.
    private func finish(_ channel: any Channel, _ door: TLSDoor?, _ body: () throws -> Void) {
        do {
            try body()
            door?.release()
        } catch {
            channel.close(promise: nil)
        }
    }

    /// Passes a connection to the app as it is.
    private func pass(_ channel: any Channel) throws {
        let input = HeldInput()
        try channel.pipeline.syncOperations.addHandler(input)
        link.counts.app += 1
        toApp(channel, input)
    }

    private func isProber(_ address: SocketAddress?) -> Bool {
        guard !alwaysToApp.isEmpty, let text = address?.ipAddress else { return false }
        // An IPv4 caller of a socket for both families.
        return alwaysToApp.contains(text.hasPrefix("::ffff:") ? String(text.dropFirst(7)) : text)
    }

    private func toApp(_ channel: any Channel, _ input: HeldInput) {
        dialler.dialApp { result in
            switch result {
            case .success(let app):
                ChannelGlue.join(channel, app)
                input.release()
            // The app refuses, or there is none: so do we, as it would have done itself.
            case .failure: SocketReset.close(channel)
            }
        }
    }
}

// Confined to the loop; only the reference travels, from the task that makes it.
extension TCPForwarder: @unchecked Sendable {}
