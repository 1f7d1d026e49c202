package import Kernel
package import NIOCore
import NIOPosix

/// The workstation's virtual interface: programs' connections and datagrams in, channels and flows out.
///
/// Concurrency model: confined to `eventLoop`, on which the delegate is called. Packets themselves are handled on a
/// thread of its own (`PacketLoop`).
package final class VirtualInterface {
    /// Seconds after which a silent UDP flow is given up.
    package static let idleLimit = TimeAmount.seconds(60)

    /// How long a released SYN may take to become an accepted connection.
    private static let acceptLimit = TimeAmount.seconds(30)

    private final class Attempt {
        let index: UInt32
        let generation: UInt32
        var cancel: (() -> Void)?
        var connection: (any DialledConnection)?
        var releasedAt: NIODeadline?
        var isOver = false

        init(index: UInt32, generation: UInt32) {
            self.index = index
            self.generation = generation
        }
    }

    private let tun: Descriptor
    private let addresses: VirtualAddresses
    private let eventLoop: any EventLoop
    private var delegate: (any VirtualInterfaceDelegate)?
    private var listeners: [Descriptor]
    private var listening: [any Channel] = []
    private var loop: PacketLoop?
    private var attempts: [UInt32: Attempt] = [:]
    private var flows: [FlowKey: UDPFlow] = [:]
    private var ticker: RepeatedTask?

    /// Takes an interface that is up and routed.
    ///
    /// `listeners` are listening TCP sockets on the interface's own IPv4 and IPv6 address; either may be missing, and
    /// then connections of that family are refused. They are closed by `stop`, like `tun` if nobody else holds it. The
    /// delegate is held until `stop`.
    package init(
        tun: Descriptor,
        listeners: [Descriptor],
        addresses: VirtualAddresses = .standard,
        eventLoop: any EventLoop,
        delegate: any VirtualInterfaceDelegate
    ) {
        self.tun = tun
        self.listeners = listeners
        self.addresses = addresses
        self.eventLoop = eventLoop
        self.delegate = delegate
    }

    /// Starts carrying packets.
    ///
    /// To be called on the event loop.
    package func start() throws(SystemError) {
        eventLoop.assertInEventLoop()
        var ports: (v4: UInt16, v6: UInt16) = (0, 0)
        for listener in listeners {
            let endpoint = try Sockets.localEndpoint(listener)
            switch endpoint.address.family {
            case .v4: ports.v4 = endpoint.port
            case .v6: ports.v6 = endpoint.port
            }
        }
        let processor = PacketProcessor(addresses: addresses, listenerPortV4: ports.v4, listenerPortV6: ports.v6)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let eventLoop = eventLoop
        let loop = try PacketLoop(
            tun: tun,
            processor: processor,
            onEvents: { eventLoop.execute { bound.value.drain() } },
            onFailure: { error in eventLoop.execute { bound.value.delegate?.interfaceFailed(error) } }
        )
        self.loop = loop
        for listener in listeners { listen(listener) }
        listeners = []
        tick()
        ticker = eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            bound.value.tick()
        }
        try loop.start()
    }

    /// Stops carrying packets: pending dials are cancelled, flows are closed, accepted channels stay as they are.
    package func stop() {
        eventLoop.assertInEventLoop()
        ticker?.cancel()
        ticker = nil
        loop?.stop()
        loop = nil
        for channel in listening { channel.close(promise: nil) }
        listening = []
        for attempt in attempts.values { end(attempt) }
        attempts = [:]
        let closing = flows.values
        flows = [:]
        for flow in closing { flow.onClose?() }
        delegate = nil
    }

    /// What has passed and what has not.
    package var counters: InterfaceCounters {
        loop?.withProcessor { $0.counters } ?? InterfaceCounters()
    }

    // MARK: Events

    private func drain() {
        guard let loop else { return }
        for event in loop.withProcessor({ $0.takeEvents() }) {
            switch event {
            case .dial(let index, let generation, let flow): dial(index, generation, flow)
            case .abandoned(let index, let generation): abandoned(index, generation)
            case .datagram(let key, let payload): datagram(key, payload)
            }
        }
    }

    private func tick() {
        let now = NIODeadline.now()
        loop?.withProcessor { $0.tick(now: UInt32(truncatingIfNeeded: now.uptimeNanoseconds / 1_000_000_000)) }
        for attempt in attempts.values {
            if let released = attempt.releasedAt, now - released > Self.acceptLimit { end(attempt) }
        }
        for flow in flows.values where now - flow.lastUse > Self.idleLimit {
            flows[flow.key] = nil
            flow.onClose?()
        }
    }

    // MARK: TCP

    private func dial(_ index: UInt32, _ generation: UInt32, _ flow: Flow) {
        let attempt = Attempt(index: index, generation: generation)
        attempts[index] = attempt
        if isResolver(flow.destination.address) {
            if flow.destination.port == 53 {
                finish(attempt, .success(ResolverConnection { [weak self] in self?.delegate?.queries(on: $0) }))
            } else {
                finish(attempt, .failure(.refused))
            }
            return
        }
        let cancel = delegate?.dial(flow) { [weak self] result in
            guard let self else {
                if case .success(let connection) = result { connection.abandon() }
                return
            }
            finish(attempt, result)
        }
        if !attempt.isOver, attempt.releasedAt == nil { attempt.cancel = cancel }
    }

    private func finish(_ attempt: Attempt, _ result: Result<any DialledConnection, DialRefusal>) {
        eventLoop.assertInEventLoop()
        attempt.cancel = nil
        switch result {
        case .success(let connection):
            guard !attempt.isOver, attempt.releasedAt == nil,
                let loop, let syn = loop.withProcessor({ $0.release(attempt.index, attempt.generation) })
            else {
                connection.abandon()
                return
            }
            attempt.connection = connection
            attempt.releasedAt = .now()
            loop.write(syn)
        case .failure(let reason):
            guard !attempt.isOver, attempt.releasedAt == nil else { return }
            end(attempt)
            let answer = loop?.withProcessor { $0.refuse(attempt.index, attempt.generation, reason) }
            if let answer = answer ?? nil { loop?.write(answer) }
        }
    }

    private func abandoned(_ index: UInt32, _ generation: UInt32) {
        guard let attempt = attempts[index], attempt.generation == generation else { return }
        end(attempt)
    }

    private func end(_ attempt: Attempt) {
        attempt.isOver = true
        if attempts[attempt.index] === attempt { attempts[attempt.index] = nil }
        attempt.cancel?()
        attempt.cancel = nil
        attempt.connection?.abandon()
        attempt.connection = nil
    }

    private func accepted(_ channel: any Channel) {
        guard let peer = channel.remoteAddress.flatMap(InternetEndpoint.init), let loop,
            let entry = loop.withProcessor({ $0.accept(from: peer).map { [$0.index, $0.generation] } }),
            let attempt = attempts[entry[0]], attempt.generation == entry[1], let connection = attempt.connection
        else {
            channel.close(promise: nil)
            return
        }
        attempts[attempt.index] = nil
        attempt.isOver = true
        attempt.connection = nil
        connection.join(channel)
    }

    private func listen(_ listener: Descriptor) {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        ServerBootstrap(group: eventLoop)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                // In the next turn, when the channel has become active.
                channel.eventLoop.execute { bound.value.accepted(channel) }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .withBoundSocket(listener.take())
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    if bound.value.loop == nil {
                        channel.close(promise: nil)
                    } else {
                        bound.value.listening.append(channel)
                    }
                case .failure:
                    bound.value.delegate?.interfaceFailed(SystemError("listen", "virtual interface", code: 22))
                }
            }
    }

    private func isResolver(_ address: InternetAddress) -> Bool {
        address == addresses.resolverV4 || address == addresses.resolverV6
    }

    // MARK: UDP

    private func datagram(_ key: FlowKey, _ payload: ByteBuffer) {
        if let flow = flows[key] {
            flow.lastUse = .now()
            flow.onDatagram?(payload)
            return
        }
        let ends = key.flow
        if isResolver(ends.destination.address) {
            guard ends.destination.port == 53 else {
                reject(key)
                return
            }
            delegate?.query(payload, from: ends.source) { [weak self] in self?.send($0, key) }
            return
        }
        guard let delegate else { return }
        let flow = UDPFlow(key: key, interface: self, now: .now())
        flows[key] = flow
        delegate.open(flow)
        flow.onDatagram?(payload)
    }

    func send(_ payload: ByteBuffer, on flow: UDPFlow) {
        flow.lastUse = .now()
        send(payload, flow.key)
    }

    private func send(_ payload: ByteBuffer, _ key: FlowKey) {
        if let frame = payload.withUnsafeReadableBytes({ PacketBuilder.datagram(key, $0) }) { loop?.write(frame) }
    }

    func refuse(_ flow: UDPFlow) {
        forget(flow)
        reject(flow.key)
    }

    private func reject(_ key: FlowKey) {
        loop?.write(PacketBuilder.unreachable(key, quoting: PacketBuilder.quotableDatagram(key), .port))
    }

    func forget(_ flow: UDPFlow) {
        if flows[flow.key] === flow { flows[flow.key] = nil }
        flow.onDatagram = nil
        flow.onClose = nil
    }
}

/// A connection to the resolver's own TCP port: there is nothing to dial.
private final class ResolverConnection: DialledConnection {
    private let onJoin: (any Channel) -> Void

    init(_ onJoin: @escaping (any Channel) -> Void) {
        self.onJoin = onJoin
    }

    func join(_ channel: any Channel) { onJoin(channel) }

    func abandon() {}
}
