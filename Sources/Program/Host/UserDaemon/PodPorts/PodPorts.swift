import Actor
import Glibc
import HTTP2
import Kernel
import Logging
import Message
import NIOCore
import NIOPosix
import Synchronization
import Tunnel

/// The workstation's local ports that lead to ports of attachments' pods (`--to-pod`).
///
/// Each connection is a tunnel of its own, opened by the agent that serves the attachment at that moment.
///
/// Concurrency model: the actor owns the table of listeners; sockets and flows are confined to the event loop.
actor PodPorts {
    /// How long a connection waits for the agent's tunnel, while links and pods are being replaced.
    private static let patience = Duration.seconds(10)
    /// How long one agent may take before the next one is asked.
    private static let agentPatience = TimeAmount.seconds(2)

    private struct Entry {
        /// Nil while the attachment is being made.
        var attachment: String?
        /// Counts the agents that were asked in vain.
        var attempt: UInt32 = 0
        let listeners: [any Channel]
    }

    private let eventLoop: any EventLoop
    private let targets: NIOLoopBound<LocalTargets>
    private let logger: Logger
    private var session: RemoteManagerSession?
    private var entries: [UInt64: Entry] = [:]
    private var lastNumber: UInt64 = 0

    /// Opens tunnels by way of these targets.
    init(eventLoop: any EventLoop, targets: NIOLoopBound<LocalTargets>, logger: Logger) {
        self.eventLoop = eventLoop
        self.targets = targets
        self.logger = logger
    }

    /// Asks this session's manager from now on.
    func use(_ session: RemoteManagerSession?) {
        self.session = session
    }

    /// Listens on all of the ports, or on none.
    ///
    /// - Parameters:
    ///   - ports: Local port and protocol.
    ///   - device: Listens inside the isolated namespaces, too, where there are some.
    /// - Returns: What the listeners are known by.
    /// - Throws: `conflict` where a port is in use.
    func listen(_ ports: [PortSpec], _ device: (any WorkstationDevice)?) async throws(DaemonFailure) -> UInt64 {
        lastNumber += 1
        let number = lastNumber
        var listeners: [any Channel] = []
        for port in ports {
            do {
                for socket in try await Self.sockets(port, device) {
                    listeners.append(try await start(socket, port, number))
                }
            } catch {
                for listener in listeners { listener.close(promise: nil) }
                throw Self.failure(port, error)
            }
        }
        entries[number] = Entry(listeners: listeners)
        return number
    }

    /// Leads what comes to an attachment's pod from now on; nil ends it.
    func lead(_ number: UInt64, to attachment: String?) {
        if let attachment { entries[number]?.attachment = attachment } else { end(number) }
    }

    /// Ends what leads to no attachment of these.
    func keep(only ids: Set<String>) {
        for (number, entry) in entries {
            if let attachment = entry.attachment, !ids.contains(attachment) { end(number) }
        }
    }

    /// Ends everything.
    func close() {
        for number in entries.keys { end(number) }
        session = nil
    }

    private func end(_ number: UInt64) {
        for listener in entries.removeValue(forKey: number)?.listeners ?? [] { listener.close(promise: nil) }
    }

    // MARK: listeners

    private static func sockets(
        _ port: PortSpec,
        _ device: (any WorkstationDevice)?
    ) async throws -> [Descriptor] {
        let endpoint = InternetEndpoint(.loopbackV4, port: port.localPort)
        let isUDP = port.protocol == .udp
        let outside = isUDP ? try Sockets.bindUDP(endpoint) : try Sockets.listenTCP(endpoint)
        do {
            return [outside] + (try await device?.listenInside(endpoint, isUDP: isUDP).map { [$0] } ?? [])
        } catch {
            outside.close()
            throw error
        }
    }

    private static func failure(_ port: PortSpec, _ error: any Error) -> DaemonFailure {
        let what = "--to-pod \(port.localPort)\(port.protocol == .udp ? "/UDP" : "")"
        guard let error = error as? SystemError, error.code == EADDRINUSE else {
            return DaemonFailure(.failed, "\(what): \(error)")
        }
        let remedy = "end what listens there, or leave the port out"
        return DaemonFailure(.conflict, "\(what): port \(port.localPort) of this workstation is in use; \(remedy)")
    }

    private func start(_ socket: Descriptor, _ port: PortSpec, _ number: UInt64) async throws -> any Channel {
        let open: PodDatagrams.Opening = { [weak self] meet in
            guard let self else { return }
            Task { await self.open(number, port, meet) }
        }
        if port.protocol == .udp {
            return try await DatagramBootstrap(group: eventLoop)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(PodDatagrams(open))
                    }
                }
                .withBoundSocket(socket.take()).get()
        }
        return try await ServerBootstrap(group: eventLoop)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                let input = NIOLoopBound(HeldInput(), eventLoop: channel.eventLoop)
                open { failure in
                    guard failure == nil, channel.isActive else {
                        SocketReset.close(channel)
                        return .refuse(failure ?? .refused)
                    }
                    // Once it is joined.
                    channel.eventLoop.execute { input.value.release() }
                    return .adopt(channel)
                }
                return channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(input.value)
                }
            }
            .withBoundSocket(socket.take()).get()
    }

    // MARK: tunnels

    /// Has an agent open a tunnel; what is between two links or two pods is waited for, a while.
    private func open(_ number: UInt64, _ port: PortSpec, _ meet: @escaping LocalTargets.Meeting) async {
        let deadline = ContinuousClock.now + Self.patience
        while ContinuousClock.now < deadline, let entry = entries[number] {
            if let session, let attachment = entry.attachment {
                let request = PodPortRequest(
                    attachmentID: attachment,
                    ticket: VolumeMounts.ticket(),
                    port: port.localPort,
                    protocol: port.protocol,
                    attempt: entry.attempt
                )
                switch await ask(session, request, meet) {
                case .met: return
                // An agent whose pod is gone is not known to be so everywhere at once.
                case .silence: entries[number]?.attempt = entry.attempt &+ 1
                case .refused: break
                }
            }
            try? await Task.sleep(for: .milliseconds(200))
        }
        logger.warning("no connection to the pod", metadata: ["port": "\(port.localPort)"])
        eventLoop.execute { _ = meet(.unreachable) }
    }

    private enum Answer {
        /// There is a tunnel, or the app's own refusal.
        case met
        /// The agent does not answer.
        case silence
        /// The manager asks none at present.
        case refused
    }

    private func ask(
        _ session: RemoteManagerSession,
        _ request: PodPortRequest,
        _ meet: @escaping LocalTargets.Meeting
    ) async -> Answer {
        let (targets, logger) = (targets, logger)
        let isRefused = Mutex(false)
        return await withCheckedContinuation { continuation in
            eventLoop.execute {
                targets.value.expect(request.ticket, within: Self.agentPatience) { failure in
                    guard failure == .timeout else {
                        continuation.resume(returning: .met)
                        return meet(failure)
                    }
                    continuation.resume(returning: isRefused.withLock { $0 } ? .refused : .silence)
                    return .refuse(.timeout)
                }
            }
            Task {
                do throws(DaemonFailure) {
                    try await session.openPodPort(request)
                } catch {
                    logger.debug("no agent for a connection to the pod", metadata: ["reason": "\(error.message)"])
                    isRefused.withLock { $0 = true }
                    eventLoop.execute { targets.value.giveUp(request.ticket) }
                }
            }
        }
    }
}
