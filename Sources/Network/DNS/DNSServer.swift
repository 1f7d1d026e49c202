package import Kernel
package import NIOCore
import NIOPosix

/// Gives programs' queries to the resolver: from sockets that were handed over, or from the virtual interface.
///
/// Concurrency model: confined to the resolver's event loop.
package final class DNSServer {
    private let resolver: DNSResolver
    private let eventLoop: any EventLoop
    private var channels: [any Channel] = []

    package init(resolver: DNSResolver, eventLoop: any EventLoop) {
        self.resolver = resolver
        self.eventLoop = eventLoop
    }

    /// Serves a bound UDP socket, which it takes over.
    package func serveDatagrams(on socket: Descriptor) -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        return DatagramBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(DatagramHandler(bound.value.resolver))
                }
            }
            .withBoundSocket(socket.take())
            .map { bound.value.channels.append($0) }
    }

    /// Serves a listening TCP socket, which it takes over.
    package func serveStreams(on listener: Descriptor) -> EventLoopFuture<Void> {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        return ServerBootstrap(group: eventLoop)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try bound.value.addHandler(to: channel) }
            }
            .withBoundSocket(listener.take())
            .map { bound.value.channels.append($0) }
    }

    /// Serves a connection that came through the virtual interface.
    package func serve(_ channel: any Channel) {
        do {
            try addHandler(to: channel)
            channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
        } catch {
            channel.close(promise: nil)
        }
    }

    /// Answers a datagram that came through the virtual interface.
    package func answer(_ message: ByteBuffer, reply: @escaping (ByteBuffer) -> Void) {
        resolver.answer(Array(message.readableBytesView), over: .datagram) { reply(ByteBuffer(bytes: $0)) }
    }

    /// Stops serving the sockets.
    package func close() {
        for channel in channels { channel.close(promise: nil) }
        channels = []
    }

    private func addHandler(to channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandlers(
            IdleStateHandler(allTimeout: .seconds(30)),
            StreamHandler(resolver)
        )
    }
}

private final class DatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let resolver: DNSResolver

    init(_ resolver: DNSResolver) { self.resolver = resolver }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        let channel = context.channel
        resolver.answer(Array(envelope.data.readableBytesView), over: .datagram) { answer in
            let reply = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: answer))
            channel.writeAndFlush(reply, promise: nil)
        }
    }

    // A client that has gone away makes ICMP errors; the socket serves the others.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// Queries with a length in front (RFC 7766), several at a time.
private final class StreamHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let resolver: DNSResolver
    private var collected = ByteBuffer()
    private var underWay = 0
    private var inputIsOver = false

    init(_ resolver: DNSResolver) { self.resolver = resolver }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        collected.writeImmutableBuffer(unwrapInboundIn(data))
        let channel = context.channel
        while let message = collected.readLengthPrefixedSlice(as: UInt16.self) {
            guard underWay < 100 else {
                context.close(promise: nil)
                return
            }
            underWay += 1
            resolver.answer(Array(message.readableBytesView), over: .stream) { [weak self] answer in
                var framed = ByteBuffer(integer: UInt16(truncatingIfNeeded: answer.count))
                framed.writeBytes(answer)
                channel.writeAndFlush(framed, promise: nil)
                self?.answered(on: channel)
            }
        }
        collected.discardReadBytes()
    }

    private func answered(on channel: any Channel) {
        underWay -= 1
        if inputIsOver, underWay == 0 { channel.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .inputClosed? = event as? ChannelEvent {
            inputIsOver = true
            if underWay == 0 { context.close(promise: nil) }
        } else if event is IdleStateHandler.IdleStateEvent {
            context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
