import Actor
import HTTP2
import Logging
import NIOCore
import NIOPosix
import Tunnel

/// Stands in front of one TCP port of the app: passes connections on to it, or to a workstation.
///
/// Confined to the link's event loop. No byte of a connection is read before it is known who serves it, so falling back to
/// the app loses nothing. A connection that begins with the app is followed by an ``HTTPGate``: if it is HTTP, an attachment that comes
/// later holds from its next request on.
final class TCPForwarder {
    /// A workstation that has not answered by then is taken for gone: the app answers within a second.
    static let patience = TimeAmount.milliseconds(700)

    private let port: AgentRoutes.Port
    /// Nil where nobody is behind the agent: its container is replaced.
    private let appHost: String?
    private let agent: TrafficAgent
    private let link: AgentLink
    private let eventLoop: any EventLoop
    private let patience: TimeAmount
    private let http: HTTPPort
    /// Callers whose connections never go to a workstation.
    private let alwaysToApp: Set<String>

    init(
        port: AgentRoutes.Port,
        appHost: String?,
        agent: TrafficAgent,
        link: AgentLink,
        patience: TimeAmount = TCPForwarder.patience,
        alwaysToApp: Set<String> = []
    ) {
        self.patience = patience
        self.alwaysToApp = alwaysToApp
        self.port = port
        self.appHost = appHost
        self.agent = agent
        self.link = link
        eventLoop = link.eventLoop
        http = HTTPPort(
            eventLoop: link.eventLoop,
            router: AgentRouter(agent, port),
            dialler: PodDialler(
                appHost: appHost,
                appPort: port.number,
                agent: agent,
                link: link,
                patience: patience
            ),
            counts: link.counts
        )
    }

    /// Listens on `agentPort` on all addresses.
    func listen(agentPort: Int) async throws -> any Channel {
        await agent.watchRoutes { self.http.routesChanged() }
        let bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.recvAllocator, value: TunnelSocket.readBuffers)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 262_144, high: 1_048_576))
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
        let counts = NIOLoopBound(link.counts, eventLoop: eventLoop)
        counts.value.open += 1
        channel.closeFuture.whenComplete { _ in counts.value.open -= 1 }
        if isProber(channel.remoteAddress) {
            let input = HeldInput()
            try channel.pipeline.syncOperations.addHandler(input)
            link.counts.app += 1
            return toApp(channel, input)
        }
        let (route, taps) = agent.assumeIsolated { [port] in ($0.route(port), $0.taps(port)) }
        if !taps.isEmpty, let handler = link.taps.handler(for: taps) {
            try channel.pipeline.syncOperations.addHandler(handler)
        }
        guard case .workstation(let target) = route, link.hasWay(to: target) else {
            return try http.serve(channel)
        }
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
                    try http.serve(channel)
                    input.release()
                } catch {
                    channel.close(promise: nil)
                }
            }
        }
    }

    private func isProber(_ address: SocketAddress?) -> Bool {
        guard !alwaysToApp.isEmpty, let text = address?.ipAddress else { return false }
        // An IPv4 caller of a socket for both families.
        return alwaysToApp.contains(text.hasPrefix("::ffff:") ? String(text.dropFirst(7)) : text)
    }

    private func toApp(_ channel: any Channel, _ input: HeldInput) {
        // As where no app listens.
        guard let appHost else { return SocketReset.close(channel) }
        let held = NIOLoopBound(input, eventLoop: eventLoop)
        TunnelSocket.bootstrap(eventLoop, timeout: .seconds(10))
            .connect(host: appHost, port: Int(port.number))
            .whenComplete { result in
                switch result {
                case .success(let app):
                    ChannelGlue.join(channel, app)
                    held.value.release()
                // The app refuses: so do we, as it would have done itself.
                case .failure: SocketReset.close(channel)
                }
            }
    }
}

// Confined to the loop; only the reference travels, from the task that makes it.
extension TCPForwarder: @unchecked Sendable {}
