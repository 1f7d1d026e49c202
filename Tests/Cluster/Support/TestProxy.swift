import NIOCore
import NIOPosix

@testable import Cluster

/// An HTTP and SOCKS5 proxy on loopback; which of the two is seen by the first byte.
final class TestProxy: Sendable {
    let port: Int
    /// Connections that were opened.
    let count: Counter
    private let channel: any Channel

    private init(_ channel: any Channel, _ count: Counter) {
        self.channel = channel
        self.count = count
        port = channel.localAddress?.port ?? 0
    }

    static func start(refusing: Bool = false) async throws -> TestProxy {
        let count = Counter()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ProxySide(refusing: refusing, count))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return TestProxy(channel, count)
    }

    func stop() async {
        try? await channel.close()
    }
}

private final class ProxySide: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let refusing: Bool
    private let count: Counter
    private var buffer: [UInt8] = []
    private var greeted = false
    private var dialled = false
    private var server: (any Channel)?

    init(refusing: Bool, _ count: Counter) {
        self.refusing = refusing
        self.count = count
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var piece = Self.unwrapInboundIn(data)
        if let server { return server.writeAndFlush(piece, promise: nil) }
        buffer += piece.readBytes(length: piece.readableBytes) ?? []
        guard !dialled else { return }
        if buffer.first == 5 { socks(context) } else { http(context) }
    }

    private func http(_ context: ChannelHandlerContext) {
        let text = String(decoding: buffer, as: UTF8.self)
        guard text.hasSuffix("\r\n\r\n") else { return }
        guard !refusing else {
            return say(Array("HTTP/1.1 403 Forbidden\r\n\r\n".utf8), context)
        }
        let target = text.split(separator: " ")[1].split(separator: ":")
        buffer = []
        dial(String(target[0]), Int(target[1]) ?? 0, Array("HTTP/1.1 200 OK\r\n\r\n".utf8), context)
    }

    private func socks(_ context: ChannelHandlerContext) {
        if !greeted {
            guard buffer.count >= 3 else { return }
            greeted = true
            buffer = []
            return say([5, 0], context)
        }
        guard buffer.count >= 5, buffer.count >= 7 + Int(buffer[4]) else { return }
        let length = Int(buffer[4])
        let host = String(decoding: buffer[5..<(5 + length)], as: UTF8.self)
        let port = Int(buffer[5 + length]) << 8 | Int(buffer[6 + length])
        buffer = []
        dial(host, port, [5, 0, 0, 1, 127, 0, 0, 1, 0, 0], context)
    }

    private func dial(_ host: String, _ port: Int, _ answer: [UInt8], _ context: ChannelHandlerContext) {
        dialled = true
        let client = context.channel
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        ClientBootstrap(group: context.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Back(client))
                }
            }
            .connect(host: host, port: port)
            .whenSuccess { server in
                let (side, context) = bound.value
                side.server = server
                side.count.increment()
                side.say(answer, context)
            }
    }

    private func say(_ bytes: [UInt8], _ context: ChannelHandlerContext) {
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        server?.close(promise: nil)
    }
}

private final class Back: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let client: any Channel

    init(_ client: any Channel) { self.client = client }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        client.writeAndFlush(Self.unwrapInboundIn(data), promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { client.close(promise: nil) }
}
