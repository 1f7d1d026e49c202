import NIOCore
import NIOPosix
import TestSupport

/// A TCP or UDP server on loopback that answers each piece with its name and that piece.
struct Answerer {
    let channel: any Channel
    let port: UInt16
    private let isListener: Bool

    init(channel: any Channel, isListener: Bool = false) {
        self.channel = channel
        self.isListener = isListener
        port = UInt16(channel.localAddress?.port ?? 0)
    }

    static func tcp(_ name: String, host: String = "127.0.0.1", port: Int = 0) async throws -> Answerer {
        Answerer(
            channel: try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(TCPAnswers(name))
                    }
                }
                .bind(host: host, port: port).get(),
            isListener: true
        )
    }

    static func udp(_ name: String, host: String = "127.0.0.1", port: Int = 0) async throws -> Answerer {
        Answerer(
            channel: try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(UDPAnswers(name))
                    }
                }
                .bind(host: host, port: port).get()
        )
    }

    func close() async {
        if isListener {
            await ClosedPort.close(channel)
        } else {
            try? await channel.close()
        }
    }

    /// A loopback port that nobody listens on.
    static func freePort() async throws -> Int {
        let answerer = try await tcp("")
        let port = Int(answerer.port)
        await answerer.close()
        return port
    }
}

private final class TCPAnswers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let name: String

    init(_ name: String) { self.name = name }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var answer = ByteBuffer(string: name + ":")
        var piece = Self.unwrapInboundIn(data)
        answer.writeBuffer(&piece)
        context.writeAndFlush(Self.wrapOutboundOut(answer), promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { context.close(mode: .output, promise: nil) }
    }
}

private final class UDPAnswers: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>
    private let name: String

    init(_ name: String) { self.name = name }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = Self.unwrapInboundIn(data)
        var answer = ByteBuffer(string: name + ":")
        var piece = envelope.data
        answer.writeBuffer(&piece)
        let reply = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: answer)
        context.writeAndFlush(Self.wrapOutboundOut(reply), promise: nil)
    }
}
