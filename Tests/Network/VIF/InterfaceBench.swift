import Glibc
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Kernel
@testable import Network

/// A network namespace with a virtual interface to which two subnets are routed.
///
/// A delegate plays the cluster.
///
/// ```
///   program socket (namespace) -- TUN -- VirtualInterface -- EchoCluster
///              10.99.0.0/16, fd99::/64
/// ```
/// Ports of the cluster: 7 echoes, 9 refuses, 10 is unreachable, 11 is a black hole, 12 has no network, 13 is forbidden.
struct InterfaceBench: Sendable {
    let namespace: NetworkNamespace
    let eventLoop: any EventLoop
    let cluster: NIOLoopBound<EchoCluster>
    let interface: NIOLoopBound<VirtualInterface>
    let log: EventLog

    static func run(_ body: @Sendable @escaping (InterfaceBench) throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let namespace = try NetworkNamespace.create()
        let parts = try namespace.run { () throws(SystemError) in try setUp() }
        let log = EventLog()
        let bench = try await loop.submit {
            let cluster = EchoCluster(log)
            let interface = VirtualInterface(
                tun: parts.tun.descriptor,
                listeners: parts.listeners,
                eventLoop: loop,
                delegate: cluster
            )
            try interface.start()
            return InterfaceBench(
                namespace: namespace,
                eventLoop: loop,
                cluster: NIOLoopBound(cluster, eventLoop: loop),
                interface: NIOLoopBound(interface, eventLoop: loop),
                log: log
            )
        }.get()
        // Blocking socket calls belong on a thread that nobody else waits for.
        let outcome: Result<Void, any Error> = await withCheckedContinuation { continuation in
            let thread = try? DedicatedThread.start {
                continuation.resume(returning: Result { try body(bench) })
            }
            if thread == nil { continuation.resume(returning: .failure(SystemError("thread", code: EAGAIN))) }
        }
        try await loop.submit { bench.interface.value.stop() }.get()
        try await group.shutdownGracefully()
        if case .failure = outcome { print(log.all) }
        try outcome.get()
    }

    private struct Parts: Sendable {
        let tun: TunDevice
        let listeners: [Descriptor]
    }

    private static func setUp() throws(SystemError) -> Parts {
        let tun = try TunDevice.open("tel%d")
        let netlink = try RouteSocket()
        let link = try netlink.index(of: tun.name)
        let addresses = VirtualAddresses.standard
        try netlink.setMTU(link, 1500)
        try netlink.setUp(link, true)
        try netlink.addAddress(link, addresses.ownV4, length: 16)
        try netlink.addAddress(link, addresses.ownV6, length: 64)
        for text in ["10.99.0.0/16", "fd99::/64"] {
            if let prefix = InternetPrefix(text) { try netlink.add(NetworkRoute(to: prefix, link: link)) }
        }
        return Parts(
            tun: tun,
            listeners: [
                try Sockets.listenTCP(InternetEndpoint(addresses.ownV4, port: 0)),
                try Sockets.listenTCP(InternetEndpoint(addresses.ownV6, port: 0)),
            ]
        )
    }

    func connect(_ text: String, timeout: CInt = 20_000) throws -> Descriptor {
        guard let endpoint = InternetEndpoint(text) else { throw SystemError("parse", text, code: EINVAL) }
        return try namespace.connectTCP(endpoint, timeoutMilliseconds: timeout)
    }

    /// The errno of a connect that fails; 0 when it succeeds.
    func failure(_ text: String, timeout: CInt = 20_000) throws -> CInt {
        do {
            _ = try connect(text, timeout: timeout)
            return 0
        } catch let error as SystemError {
            return error.code
        }
    }

    func counters() throws -> InterfaceCounters {
        try eventLoop.submit { interface.value.counters }.wait()
    }
}

/// What the cluster has seen, for tests to wait for.
final class EventLog: Sendable {
    private let events = Mutex<[String]>([])

    func add(_ event: String) { events.withLock { $0.append(event) } }

    var all: [String] { events.withLock { $0 } }

    /// Waits until an event is there; false after ten seconds.
    func wait(for event: String) -> Bool {
        for _ in 0..<10_000 {
            if events.withLock({ $0.contains(event) }) { return true }
            usleep(1000)
        }
        return false
    }
}

final class EchoCluster: VirtualInterfaceDelegate {
    let log: EventLog
    private var waiting: [(Result<any DialledConnection, DialRefusal>) -> Void] = []

    init(_ log: EventLog) { self.log = log }

    func dial(
        _ flow: Flow,
        completion: @escaping (Result<any DialledConnection, DialRefusal>) -> Void
    ) -> () -> Void {
        log.add("dial \(flow.destination)")
        switch flow.destination.port {
        case 7: completion(.success(EchoConnection(log)))
        case 9: completion(.failure(.refused))
        case 10: completion(.failure(.unreachable))
        case 12: completion(.failure(.networkDown))
        case 13: completion(.failure(.prohibited))
        case 14: completion(.failure(.timeout))
        default: waiting.append(completion)
        }
        return { [log] in log.add("cancel \(flow.destination)") }
    }

    /// Answers every dial that hangs.
    func answerWaiting() {
        for completion in waiting { completion(.success(EchoConnection(log))) }
        waiting = []
    }

    func open(_ flow: UDPFlow) {
        log.add("udp \(flow.flow.destination)")
        if flow.flow.destination.port == 9 {
            flow.refuse()
            return
        }
        flow.onDatagram = { [weak flow] in flow?.send($0) }
        flow.onClose = { [log] in log.add("udp closed") }
    }

    func query(_ message: ByteBuffer, from source: InternetEndpoint, reply: @escaping (ByteBuffer) -> Void) {
        reply(ByteBuffer(string: "answer to " + String(buffer: message)))
    }

    func queries(on channel: any Channel) {
        EchoConnection(log).join(channel)
    }

    func interfaceFailed(_ error: SystemError) { log.add("failed \(error)") }
}

final class EchoConnection: DialledConnection {
    private let log: EventLog

    init(_ log: EventLog) { self.log = log }

    func join(_ channel: any Channel) {
        log.add("join")
        do {
            try channel.pipeline.syncOperations.addHandler(EchoHandler())
            channel.setOption(.autoRead, value: true).whenFailure { [log] in log.add("autoRead: \($0)") }
        } catch {
            log.add("\(error)")
        }
    }

    func abandon() { log.add("abandon") }
}

private final class EchoHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.writeAndFlush(data, promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            // Closing the output drops what is not yet written: wait for it.
            let written = context.eventLoop.makePromise(of: Void.self)
            let channel = context.channel
            written.futureResult.whenComplete { _ in channel.close(mode: .output, promise: nil) }
            context.writeAndFlush(NIOAny(ByteBuffer()), promise: written)
        }
    }
}
