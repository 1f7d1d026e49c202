import NIOCore
import NIOPosix

/// Connects to loopback, says something, and gives what was answered until the end.
enum Asker {
    struct Silence: Error {}

    /// The whole answer to `text` followed by half-close.
    static func tcp(port: Int, _ text: String, patience: TimeAmount = .seconds(10)) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .connect(host: "127.0.0.1", port: port).get()
        let promise = channel.eventLoop.makePromise(of: String.self)
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.addHandler(Collector(promise))
        }.get()
        let timer = channel.eventLoop.scheduleTask(in: patience) { promise.fail(Silence()) }
        promise.futureResult.whenComplete { _ in
            timer.cancel()
            channel.close(promise: nil)
        }
        try await channel.writeAndFlush(ByteBuffer(string: text))
        try await channel.close(mode: .output)
        return try await promise.futureResult.get()
    }

    /// The first datagram that comes back; asks again every 100 ms, as programs do.
    static func udp(port: Int, _ text: String, patience: TimeAmount = .seconds(10)) async throws -> String {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let promise = loop.makePromise(of: String.self)
        let channel = try await DatagramBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(First(promise))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let repeated = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(100)) { _ in
            channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
        }
        let timer = loop.scheduleTask(in: patience) { promise.fail(Silence()) }
        promise.futureResult.whenComplete { _ in
            timer.cancel()
            repeated.cancel()
            channel.close(promise: nil)
        }
        return try await promise.futureResult.get()
    }
}

private final class Collector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let promise: EventLoopPromise<String>
    private var text = ""

    init(_ promise: EventLoopPromise<String>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        text += String(buffer: Self.unwrapInboundIn(data))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent { promise.succeed(text) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        promise.fail(error)
    }

    func channelInactive(context: ChannelHandlerContext) { promise.succeed(text) }
}

private final class First: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    private let promise: EventLoopPromise<String>

    init(_ promise: EventLoopPromise<String>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        promise.succeed(String(buffer: Self.unwrapInboundIn(data).data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
