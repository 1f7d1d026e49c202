import Foundation
import Kernel
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Network

@Suite struct UpstreamExchangeTests {
    private static let isRoot = geteuid() == 0

    /// Asks two nameservers, 127.0.0.1 and 127.0.0.2 port 53 of a namespace of their own, by handed-over sockets.
    ///
    /// The servers are given as what they answer; nil is silence.
    private func ask(
        _ query: [UInt8],
        _ servers: [@Sendable ([UInt8]) -> [UInt8]?],
        timeout: TimeAmount = .milliseconds(200)
    ) async throws -> (answer: [UInt8]?, asked: [Int]) {
        let namespace = try NetworkNamespace.create()
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        var addresses: [InternetAddress] = []
        var sockets: [Descriptor] = []
        var channels: [any Channel] = []
        let asked = Asked()
        for (index, server) in servers.enumerated() {
            let address = InternetAddress(v4: 0x7f00_0001 + UInt32(index))
            let bound = try namespace.bindUDP(InternetEndpoint(address, port: 53))
            let channel = try await DatagramBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            Answerer { query in
                                asked.numbers.withLock { $0.append(index) }
                                return server(query)
                            }
                        )
                    }
                }
                .withBoundSocket(bound.take()).get()
            channels.append(channel)
            addresses.append(address)
            sockets.append(try namespace.bindUDP(InternetEndpoint(.anyV4, port: 0)))
        }
        let (nameservers, handed) = (addresses, sockets)
        let exchange = try await loop.flatSubmit {
            UpstreamExchange.start(
                nameservers: nameservers,
                sockets: handed,
                eventLoop: loop,
                timeout: timeout
            )
        }.get()
        let answer = try await loop.flatSubmit {
            let promise = loop.makePromise(of: [UInt8]?.self)
            exchange.value.exchange(query) { promise.succeed($0) }
            return promise.futureResult
        }.get()
        loop.execute { exchange.value.close() }
        for channel in channels { try? await channel.close() }
        return (answer, asked.numbers.withLock { $0 })
    }

    private final class Asked: Sendable {
        let numbers = Mutex<[Int]>([])
    }

    private final class Answerer: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>

        private let rule: ([UInt8]) -> [UInt8]?

        init(_ rule: @escaping ([UInt8]) -> [UInt8]?) { self.rule = rule }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            guard let answer = rule(Array(envelope.data.readableBytesView)) else { return }
            let reply = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: answer))
            context.writeAndFlush(wrapOutboundOut(reply), promise: nil)
        }
    }

    @Test("The first nameserver answers, under the query's id", .enabled(if: isRoot))
    func first() async throws {
        let query = DNSSamples.query("www.example.com", id: 5)
        let servers: [@Sendable ([UInt8]) -> [UInt8]?] = [{ DNSSamples.answer($0) }, { DNSSamples.answer($0) }]
        let (answer, asked) = try await ask(query, servers, timeout: .seconds(20))
        #expect(answer == DNSSamples.answer(query))
        #expect(asked == [0])
    }

    @Test("The next nameserver is asked when the first is silent or talks nonsense", .enabled(if: isRoot))
    func second() async throws {
        let query = DNSSamples.query("www.example.com")
        let silent = try await ask(query, [{ _ in nil }, { DNSSamples.answer($0) }], timeout: .seconds(1))
        #expect(silent.answer == DNSSamples.answer(query))
        #expect(silent.asked == [0, 1])
        // Another question's answer under the right id, as a forger sends it.
        let forged = try await ask(
            query,
            [
                { DNSSamples.answer(DNSSamples.query("other.example", id: $0.network16(0))) },
                { DNSSamples.answer($0) },
            ],
            timeout: .seconds(1)
        )
        #expect(forged.answer == DNSSamples.answer(query))
    }

    @Test("An answer of more than 2 KiB arrives whole", .enabled(if: isRoot))
    func large() async throws {
        let query = DNSSamples.query("www.example.com")
        let (answer, _) = try await ask(query, [{ DNSSamples.answer($0, addresses: 200) }], timeout: .seconds(20))
        #expect(answer == DNSSamples.answer(query, addresses: 200))
    }

    @Test("Silence of all is no answer; one alone is asked twice", .enabled(if: isRoot))
    func silence() async throws {
        let (answer, asked) = try await ask(DNSSamples.query("www.example.com"), [{ _ in nil }])
        #expect(answer == nil)
        #expect(asked == [0, 0])
    }

    @Test("A resolv.conf is read")
    func file() {
        let text =
            "# x\nnameserver 10.0.0.53\nnameserver\tfd00::53 \nnameserver fe80::1%eth0\nsearch a.b c\noptions x\n"
        let read = ResolverConfiguration(parsing: text)
        #expect(read.nameservers.map(\.description) == ["10.0.0.53", "fd00::53"])
        #expect(read.search == ["a.b", "c"])
    }
}
