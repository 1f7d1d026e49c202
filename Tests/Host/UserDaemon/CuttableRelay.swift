import Glibc
import NIOCore
import NIOPosix
import Synchronization

/// A TCP relay on loopback that can be opened late and cut.
final class CuttableRelay: Sendable {
    private struct State {
        var listener: (any Channel)?
        var channels: [any Channel] = []
        var carried = 0
    }

    let port: Int
    private let target: Int
    /// A socket that has the port and does not listen: nobody else gets it while the relay is closed.
    private let reservation: CInt
    private let state = Mutex(State())

    private init(target: Int) throws {
        reservation = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var yes: CInt = 1
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let reserved = reservation
        let failed = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                setsockopt(reserved, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size)) != 0
                    || bind(reserved, pointer, size) != 0 || getsockname(reserved, pointer, &size) != 0
            }
        }
        guard !failed else { throw IOError(errnoCode: errno, reason: "reserving a port") }
        port = Int(UInt16(bigEndian: address.sin_port))
        self.target = target
    }

    deinit { Glibc.close(reservation) }

    /// `waits`: nobody listens before ``open()``.
    static func start(to target: Int, waits: Bool = false) async throws -> CuttableRelay {
        let relay = try CuttableRelay(target: target)
        if !waits { try await relay.open() }
        return relay
    }

    /// Bytes that went through.
    var carried: Int { state.withLock { $0.carried } }

    func open() async throws {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { [self] client in
                keep(client)
                return ClientBootstrap(group: client.eventLoop)
                    .channelOption(.autoRead, value: false)
                    .connect(host: "127.0.0.1", port: target)
                    .flatMapThrowing { [self] server in
                        keep(server)
                        try client.pipeline.syncOperations.addHandler(Pump(server, self))
                        try server.pipeline.syncOperations.addHandler(Pump(client, self))
                        try client.syncOptions?.setOption(.autoRead, value: true)
                        try server.syncOptions?.setOption(.autoRead, value: true)
                    }
            }
            .bind(host: "127.0.0.1", port: port).get()
        state.withLock { $0.listener = listener }
    }

    /// Nothing passes any more, and nothing is closed: as a line that is dead without a word.
    func freeze(_ isFrozen: Bool) async {
        let channels = state.withLock { $0.channels }
        for channel in channels { try? await channel.setOption(.autoRead, value: !isFrozen).get() }
        if !isFrozen { for channel in channels { channel.read() } }
    }

    /// Ends every connection; new ones are refused.
    func cut() async {
        let (listener, channels) = state.withLock { ($0.listener, $0.channels) }
        try? await listener?.close()
        for channel in channels { try? await channel.close() }
    }

    fileprivate func count(_ bytes: Int) { state.withLock { $0.carried += bytes } }
    private func keep(_ channel: any Channel) { state.withLock { $0.channels.append(channel) } }
}

private final class Pump: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let other: any Channel
    private let relay: CuttableRelay

    init(_ other: any Channel, _ relay: CuttableRelay) {
        self.other = other
        self.relay = relay
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = Self.unwrapInboundIn(data)
        relay.count(buffer.readableBytes)
        other.writeAndFlush(buffer, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }
}
