package import Kernel
package import NIOCore
import NIOPosix

/// Queries to the workstation's own resolvers, one after the other until one answers.
///
/// Confined to the event loop.
package final class UpstreamExchange: DNSExchange {
    private let eventLoop: any EventLoop
    private let servers: [(any Channel, NIOCore.SocketAddress, DatagramExchange)]
    private let streams: Bool

    private init(
        _ eventLoop: any EventLoop,
        _ servers: [(any Channel, NIOCore.SocketAddress, DatagramExchange)],
        streams: Bool
    ) {
        self.eventLoop = eventLoop
        self.servers = servers
        self.streams = streams
    }

    /// Asks the nameservers through sockets that are given, one for each in turn, or through sockets of its own.
    ///
    /// `sockets` are UDP sockets that are marked, so that a redirect of port 53 lets them pass. Without them truncated
    /// answers are asked for again by TCP, which would not pass a redirect. To be called on the event loop.
    package static func start(
        nameservers: [InternetAddress],
        sockets: [Descriptor] = [],
        eventLoop: any EventLoop,
        timeout: TimeAmount = .milliseconds(1500)
    ) -> EventLoopFuture<NIOLoopBound<UpstreamExchange>> {
        var unused = sockets
        var starts: [EventLoopFuture<any Channel>] = []
        var usable: [InternetAddress] = []
        for address in nameservers {
            // NIO's own buffers of 2 KiB would cut answers off.
            let bootstrap = DatagramBootstrap(group: eventLoop)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_535))
            if sockets.isEmpty {
                starts.append(bootstrap.bind(host: address.family == .v4 ? "0.0.0.0" : "::", port: 0))
            } else {
                let suitable = unused.firstIndex {
                    (try? Sockets.localEndpoint($0))?.address.family == address.family
                }
                guard let suitable else { continue }
                starts.append(bootstrap.withBoundSocket(unused.remove(at: suitable).take()))
            }
            usable.append(address)
        }
        let asked = usable
        let streams = sockets.isEmpty
        return EventLoopFuture.whenAllComplete(starts, on: eventLoop).map { results in
            var servers: [(any Channel, NIOCore.SocketAddress, DatagramExchange)] = []
            for (result, address) in zip(results, asked) {
                guard case .success(let channel) = result,
                    let remote = try? InternetEndpoint(address, port: 53).socketAddress()
                else { continue }
                let exchange = DatagramExchange(eventLoop: eventLoop, timeout: timeout) { datagram in
                    channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: datagram), promise: nil)
                }
                let receiver = NIOLoopBound(ResponseReceiver(from: remote, exchange), eventLoop: eventLoop)
                do {
                    try channel.pipeline.syncOperations.addHandler(receiver.value)
                    servers.append((channel, remote, exchange))
                } catch {
                    channel.close(promise: nil)
                }
            }
            return NIOLoopBound(
                UpstreamExchange(eventLoop, servers, streams: streams),
                eventLoop: eventLoop
            )
        }
    }

    package func exchange(_ query: [UInt8], reply: @escaping ([UInt8]?) -> Void) {
        // A lone server gets a second chance: datagrams are lost.
        ask(query, servers.count == 1 ? (servers + servers)[...] : servers[...], reply)
    }

    /// Closes the sockets; what is pending is answered with nil.
    package func close() {
        for (channel, _, exchange) in servers {
            exchange.fail()
            channel.close(promise: nil)
        }
    }

    private func ask(
        _ query: [UInt8],
        _ rest: ArraySlice<(any Channel, NIOCore.SocketAddress, DatagramExchange)>,
        _ reply: @escaping ([UInt8]?) -> Void
    ) {
        guard let (_, remote, exchange) = rest.first else {
            reply(nil)
            return
        }
        exchange.exchange(query) { response in
            guard let response else {
                self.ask(query, rest.dropFirst(), reply)
                return
            }
            if self.streams, response[2] & 0x02 != 0 {
                self.askByStream(query, remote, otherwise: response, reply)
            } else {
                reply(response)
            }
        }
    }

    private func askByStream(
        _ query: [UInt8],
        _ remote: NIOCore.SocketAddress,
        otherwise truncated: [UInt8],
        _ reply: @escaping ([UInt8]?) -> Void
    ) {
        let collector = NIOLoopBound(StreamCollector { reply($0 ?? truncated) }, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(2))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(collector.value)
                }
            }
            .connect(to: remote)
            .whenComplete { result in
                switch result {
                case .success(let channel):
                    var framed = ByteBuffer(integer: UInt16(truncatingIfNeeded: query.count))
                    framed.writeBytes(query)
                    channel.writeAndFlush(framed, promise: nil)
                case .failure:
                    collector.value.finish(nil)
                }
            }
    }
}

/// Hands the datagrams of one server to the exchange; those of others are dropped.
private final class ResponseReceiver: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let remote: NIOCore.SocketAddress
    private let exchange: DatagramExchange

    init(from remote: NIOCore.SocketAddress, _ exchange: DatagramExchange) {
        self.remote = remote
        self.exchange = exchange
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        if envelope.remoteAddress == remote { exchange.receive(envelope.data) }
    }

    // An ICMP error is no reason to close: the next query may succeed.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}

/// Collects one length-prefixed response.
private final class StreamCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var collected = ByteBuffer()
    private var onResponse: (([UInt8]?) -> Void)?

    init(_ onResponse: @escaping ([UInt8]?) -> Void) { self.onResponse = onResponse }

    func finish(_ response: [UInt8]?) {
        let callback = onResponse
        onResponse = nil
        callback?(response)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        collected.writeImmutableBuffer(unwrapInboundIn(data))
        guard let message = collected.readLengthPrefixedSlice(as: UInt16.self) else { return }
        finish(Array(message.readableBytesView))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(nil)
        context.fireChannelInactive()
    }
}
