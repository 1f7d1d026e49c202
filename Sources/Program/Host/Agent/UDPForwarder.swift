import Actor
import HTTP2
import NIOCore
import NIOPosix
import Tunnel

/// Stands in front of one UDP port of the app: one flow per caller, to the app or to a workstation.
///
/// Confined to the link's event loop. A flow keeps its way until it has been silent for a minute, its way has ended, or the port is
/// routed otherwise: who keeps on sending from one port is led over when an attachment begins or ends. The caller's next datagram
/// opens the way anew.
final class UDPForwarder: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    /// More callers than that at once are not served: each costs a socket.
    private static let maximumFlows = 4096
    private static let idle = TimeAmount.seconds(60)
    /// Datagrams kept while a flow's way is being opened.
    private static let maximumWaiting = 64

    private final class Flow {
        var send: ((ByteBuffer) -> Void)?
        var close: (() -> Void)?
        var waiting: [ByteBuffer] = []
        /// The copies for wiretaps; nil while there are none.
        var taps: FlowTaps?
        var lastUse: NIODeadline
        /// Where it goes: the app also where the workstation could not be had.
        var route: AgentRoutes.Route

        init(route: AgentRoutes.Route, now: NIODeadline) {
            self.route = route
            lastUse = now
        }
    }

    private let port: AgentRoutes.Port
    /// Nil where nobody is behind the agent: its container is replaced.
    private let appHost: String?
    private let agent: TrafficAgent
    private let link: AgentLink
    private var flows: [SocketAddress: Flow] = [:]
    private var channel: (any Channel)?
    private let patience: TimeAmount

    init(
        port: AgentRoutes.Port,
        appHost: String?,
        agent: TrafficAgent,
        link: AgentLink,
        patience: TimeAmount = TCPForwarder.patience
    ) {
        self.patience = patience
        self.port = port
        self.appHost = appHost
        self.agent = agent
        self.link = link
    }

    /// Listens on `agentPort` on all addresses.
    func listen(agentPort: Int) async throws -> any Channel {
        await agent.watchRoutes { [weak self] in self?.routesChanged() }
        return try await DatagramBootstrap(group: link.eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(self)
                }
            }
            .bind(host: "0.0.0.0", port: agentPort).get()
    }

    func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleRepeatedTask(initialDelay: Self.idle, delay: .seconds(10)) { task in
            guard bound.value.channel != nil else { return task.cancel() }
            bound.value.expire()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        channel = nil
        for (caller, flow) in flows { end(flow, of: caller) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = Self.unwrapInboundIn(data)
        let flow: Flow
        if let present = flows[envelope.remoteAddress] {
            flow = present
        } else {
            guard flows.count < Self.maximumFlows else { return }
            flow = begin(for: envelope.remoteAddress)
        }
        flow.lastUse = context.eventLoop.now
        let taps = agent.assumeIsolated { [port] in $0.taps(port) }
        if !taps.isEmpty || flow.taps != nil { copy(envelope.data, of: flow, to: taps) }
        if let send = flow.send {
            send(envelope.data)
        } else if flow.waiting.count < Self.maximumWaiting {
            flow.waiting.append(envelope.data)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An ICMP error about one caller must not end the others.
    }

    private func copy(_ datagram: ByteBuffer, of flow: Flow, to targets: [AgentRoutes.Target]) {
        let taps = flow.taps ?? FlowTaps(link: link)
        flow.taps = targets.isEmpty ? nil : taps
        taps.send(datagram, to: targets)
    }

    /// Where a datagram that comes now goes.
    private var route: AgentRoutes.Route { agent.assumeIsolated { [port] in $0.route(port) } }

    private func begin(for caller: SocketAddress, waiting: [ByteBuffer] = []) -> Flow {
        let flow = Flow(route: route, now: link.eventLoop.now)
        flow.waiting = waiting
        flows[caller] = flow
        open(flow, for: caller)
        return flow
    }

    /// Ends the flows whose way is not the port's any more.
    private func routesChanged() {
        guard channel != nil else { return }
        let route = route
        for (caller, flow) in flows where flow.route != route {
            end(flow, of: caller)
            // Its way was still being opened.
            if !flow.waiting.isEmpty { _ = begin(for: caller, waiting: flow.waiting) }
        }
    }

    private func open(_ flow: Flow, for caller: SocketAddress) {
        guard case .workstation(let target) = flow.route, link.hasWay(to: target) else {
            toApp(flow, for: caller)
            return
        }
        link.openUDP(to: target, within: patience) { [self] result in
            guard flows[caller] === flow else {
                if case .success(let tunnel) = result { tunnel.close() }
                return
            }
            switch result {
            case .success(let tunnel):
                tunnel.onDatagram = { [self] in reply($0, to: caller, flow) }
                tunnel.onClose = { [self] _ in forget(caller, flow) }
                flow.close = { tunnel.close() }
                opened(flow) { tunnel.send($0) }
            case .failure(let failure):
                // First, as the route may change in the very next line.
                toApp(flow, for: caller)
                if failure == .timeout { agent.assumeIsolated { $0.unanswered(target.attachmentID) } }
            }
        }
    }

    private func toApp(_ flow: Flow, for caller: SocketAddress) {
        flow.route = .app
        guard let appHost else { return forget(caller, flow) }
        let bound = NIOLoopBound((self, flow), eventLoop: link.eventLoop)
        DatagramBootstrap(group: link.eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (forwarder, flow) = bound.value
                    let handler = AppDatagrams { forwarder.reply($0, to: caller, flow) }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .connect(host: appHost, port: Int(port.number))
            .whenComplete { result in
                let (forwarder, flow) = bound.value
                switch result {
                case .success(let channel):
                    guard forwarder.flows[caller] === flow else { return channel.close(promise: nil) }
                    flow.close = { channel.close(promise: nil) }
                    forwarder.opened(flow) { channel.writeAndFlush($0, promise: nil) }
                case .failure: forwarder.forget(caller, flow)
                }
            }
    }

    private func opened(_ flow: Flow, send: @escaping (ByteBuffer) -> Void) {
        flow.send = send
        flow.waiting.forEach(send)
        flow.waiting = []
    }

    /// Ends a flow; its caller's next datagram begins another.
    private func end(_ flow: Flow, of caller: SocketAddress) {
        flows[caller] = nil
        flow.close?()
        flow.taps?.close()
    }

    private func reply(_ datagram: ByteBuffer, to caller: SocketAddress, _ flow: Flow) {
        guard let channel else { return }
        flow.lastUse = channel.eventLoop.now
        channel.writeAndFlush(AddressedEnvelope(remoteAddress: caller, data: datagram), promise: nil)
    }

    private func forget(_ caller: SocketAddress, _ flow: Flow) {
        guard flows[caller] === flow else { return }
        flow.taps?.close()
        flows[caller] = nil
    }

    private func expire() {
        let limit = link.eventLoop.now - Self.idle
        for (caller, flow) in flows where flow.lastUse < limit { end(flow, of: caller) }
    }
}

// Confined to the loop; only the reference travels, from the task that makes it.
extension UDPForwarder: @unchecked Sendable {}

/// What the app answers on one flow's socket.
private final class AppDatagrams: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let receive: (ByteBuffer) -> Void

    init(_ receive: @escaping (ByteBuffer) -> Void) {
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        receive(Self.unwrapInboundIn(data).data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // ECONNREFUSED while the app is away: the next datagram tries again.
    }
}
