import HTTP2
import Kernel
import Network
import NIOCore
import NIOPosix
import Tunnel

/// What happens to the connections and datagrams of the virtual interface: cluster destinations go through tunnels, all
/// others (there are some in isolated mode only) are dialled from the workstation.
///
/// Confined to one event loop, that of the interface and of the link.
final class WorkstationPath: VirtualInterfaceDelegate {
    /// How long a dial waits for a link that is being restored.
    private static let linkPatience = TimeAmount.seconds(5)
    /// Longer than the manager's own dial limit, so that its answer decides.
    private static let dialLimit = TimeAmount.seconds(15)

    private let eventLoop: any EventLoop
    private let isolated: Bool
    private let failed: (String) -> Void
    private var dialler: TunnelDialler?
    private var cluster: [InternetPrefix] = []
    private var kept: [InternetPrefix] = []
    private var waiting: [WaitingDial] = []
    /// Called for every new connection into the cluster.
    var onDial: (() -> Void)?
    /// Tunnels opened for programs.
    let ledger = TunnelLedger()
    /// Answers DNS; set before the interface starts.
    var resolver: DNSServer?

    /// `isolated` says whether destinations outside the cluster come here as well; `failed` is called when the interface
    /// carries nothing more.
    init(eventLoop: any EventLoop, isolated: Bool, failed: @escaping (String) -> Void) {
        self.eventLoop = eventLoop
        self.isolated = isolated
        self.failed = failed
    }

    /// Uses another link, or none.
    func use(_ dialler: TunnelDialler?) {
        self.dialler = dialler
        guard let dialler else { return }
        let ready = waiting
        waiting = []
        for dial in ready { dial.proceed(dialler) }
    }

    /// The subnets of the cluster, and ranges in them that are none of it (`--never-proxy`): the narrower one decides.
    func route(_ prefixes: [InternetPrefix], except kept: [InternetPrefix] = []) {
        cluster = prefixes
        self.kept = kept
    }

    // MARK: - TCP

    func dial(
        _ flow: Flow,
        completion: @escaping (Result<any DialledConnection, DialRefusal>) -> Void
    ) -> () -> Void {
        guard isCluster(flow.destination.address) else { return dialOutside(flow.destination, completion) }
        let destination = TunnelDestination(flow.destination)
        onDial?()
        if let dialler { return dial(destination, dialler, completion) }
        let dial = WaitingDial { [self] in self.dial(destination, $0, completion) }
        let bound = NIOLoopBound((self, dial, completion), eventLoop: eventLoop)
        dial.timer = eventLoop.scheduleTask(in: Self.linkPatience) {
            let (path, dial, completion) = bound.value
            path.waiting.removeAll { $0 === dial }
            completion(.failure(.networkDown))
        }
        waiting.append(dial)
        return { [self] in
            waiting.removeAll { $0 === dial }
            dial.cancel()
        }
    }

    private func dial(
        _ destination: TunnelDestination,
        _ dialler: TunnelDialler,
        _ completion: @escaping (Result<any DialledConnection, DialRefusal>) -> Void
    ) -> () -> Void {
        dialler.openTCP(to: destination, timeout: Self.dialLimit) { [ledger] result in
            ledger.took(result, destination)
            completion(result.map { DialledStream($0) }.mapError { DialRefusal($0) })
        }
    }

    private func dialOutside(
        _ destination: InternetEndpoint,
        _ completion: @escaping (Result<any DialledConnection, DialRefusal>) -> Void
    ) -> () -> Void {
        let bound = NIOLoopBound(completion, eventLoop: eventLoop)
        TunnelSocket.bootstrap(eventLoop, timeout: Self.dialLimit)
            .connect(host: destination.address.description, port: Int(destination.port))
            .whenComplete { result in
                switch result {
                case .success(let channel): bound.value(.success(DialledChannel(channel)))
                case .failure(let error): bound.value(.failure(DialRefusal(DialFailure(error))))
                }
            }
        // A dial from here ends by itself; what it brings then is abandoned by the interface.
        return {}
    }

    private func isCluster(_ address: InternetAddress) -> Bool {
        // In host mode routes have decided already.
        guard isolated else { return true }
        func narrowest(_ prefixes: [InternetPrefix]) -> Int {
            prefixes.filter { $0.contains(address) }.map { Int($0.length) }.max() ?? -1
        }
        return narrowest(cluster) > narrowest(kept)
    }

    // MARK: - UDP

    func open(_ flow: UDPFlow) {
        guard isCluster(flow.flow.destination.address) else { return openOutside(flow) }
        guard let dialler else { return flow.close() }
        let early = EarlyDatagrams(flow)
        let destination = TunnelDestination(flow.flow.destination)
        dialler.openUDP(to: destination, timeout: Self.dialLimit) { [ledger] result in
            ledger.took(result, destination)
            switch result {
            case .success(let tunnel):
                tunnel.onDatagram = { flow.send($0) }
                tunnel.onClose = { _ in flow.close() }
                flow.onClose = { tunnel.close() }
                early.deliver { tunnel.send($0) }
            case .failure(.refused): flow.refuse()
            case .failure: flow.close()
            }
        }
    }

    private func openOutside(_ flow: UDPFlow) {
        let early = EarlyDatagrams(flow)
        let bound = NIOLoopBound((flow, early), eventLoop: eventLoop)
        let destination = flow.flow.destination
        DatagramBootstrap(group: eventLoop)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(OutsideDatagrams(bound.value.0))
                }
            }
            .connect(host: destination.address.description, port: Int(destination.port))
            .whenComplete { result in
                let (flow, early) = bound.value
                switch result {
                case .success(let channel):
                    flow.onClose = { channel.close(promise: nil) }
                    early.deliver { channel.writeAndFlush($0, promise: nil) }
                case .failure: flow.close()
                }
            }
    }

    // MARK: - DNS and failure

    func query(_ message: ByteBuffer, from source: InternetEndpoint, reply: @escaping (ByteBuffer) -> Void) {
        resolver?.answer(message, reply: reply)
    }

    func queries(on channel: any Channel) {
        guard let resolver else {
            channel.close(promise: nil)
            return
        }
        resolver.serve(channel)
    }

    func interfaceFailed(_ error: SystemError) {
        failed("the virtual interface failed: \(error)")
    }
}

/// A dial that waits for a link.
private final class WaitingDial {
    private let start: (TunnelDialler) -> () -> Void
    private var stop: (() -> Void)?
    var timer: Scheduled<Void>?

    init(_ start: @escaping (TunnelDialler) -> () -> Void) {
        self.start = start
    }

    func proceed(_ dialler: TunnelDialler) {
        timer?.cancel()
        stop = start(dialler)
    }

    func cancel() {
        timer?.cancel()
        stop?()
    }
}

/// Keeps a flow's datagrams until its way is open, up to a bound.
private final class EarlyDatagrams {
    private static let limit = 64
    private var datagrams: [ByteBuffer] = []
    private let flow: UDPFlow

    init(_ flow: UDPFlow) {
        self.flow = flow
        flow.onDatagram = { [self] in
            if datagrams.count < Self.limit { datagrams.append($0) }
        }
    }

    func deliver(_ send: @escaping (ByteBuffer) -> Void) {
        flow.onDatagram = send
        datagrams.forEach(send)
        datagrams = []
    }
}

/// The answers of a destination outside the cluster.
private final class OutsideDatagrams: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let flow: UDPFlow

    init(_ flow: UDPFlow) {
        self.flow = flow
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        flow.send(Self.unwrapInboundIn(data).data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // ECONNREFUSED: the destination has no such port.
        flow.refuse()
        context.close(promise: nil)
    }
}

extension TunnelDestination {
    init(_ endpoint: InternetEndpoint) {
        self.init(host: endpoint.address.description, port: endpoint.port)
    }
}

extension DialRefusal {
    /// What the program's `connect` says for a failure on the far side.
    init(_ failure: DialFailure) {
        switch failure {
        case .refused: self = .refused
        case .unreachable, .failed: self = .unreachable
        case .linkLost: self = .networkDown
        case .timeout: self = .timeout
        case .policy: self = .prohibited
        }
    }
}
