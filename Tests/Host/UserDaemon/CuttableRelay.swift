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
    private let state = Mutex(State())

    private init(port: Int, target: Int) {
        self.port = port
        self.target = target
    }

    /// `waits`: nobody listens before ``open()``.
    static func start(to target: Int, waits: Bool = false) async throws -> CuttableRelay {
        let relay = CuttableRelay(port: try await Answerer.freePort(), target: target)
        if !waits { await relay.open() }
        return relay
    }

    /// Bytes that went through.
    var carried: Int { state.withLock { $0.carried } }

    func open() async {
        let listener = try? await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
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
