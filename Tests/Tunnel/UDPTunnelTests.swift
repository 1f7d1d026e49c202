import HTTP2
import NIOCore
import NIOPosix
import TestSupport
import Testing
import Tunnel

@Suite(.timeLimit(.minutes(1))) struct UDPTunnelTests {
    /// Opens a UDP tunnel; `body` sets its callbacks on the loop.
    private func open(
        _ path: TunnelPath,
        _ port: UInt16,
        _ body: @escaping @Sendable (UDPTunnel) -> Void
    ) async throws -> DialFailure? {
        let loop = path.dialler.link.eventLoop
        return try await loop.flatSubmit {
            let opened = loop.makePromise(of: DialFailure?.self)
            path.dialler.openUDP(to: TunnelDestination(host: "127.0.0.1", port: port)) { result in
                switch result {
                case .failure(let failure): opened.succeed(failure)
                case .success(let tunnel):
                    body(tunnel)
                    opened.succeed(nil)
                }
            }
            return opened.futureResult
        }.get()
    }

    /// A UDP echo on loopback.
    private func echo() async throws -> (channel: any Channel, port: UInt16) {
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(UDPEcho()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return (channel, UInt16(channel.localAddress?.port ?? 0))
    }

    @Test("datagrams of every size come back whole", arguments: TunnelPath.Kind.allCases)
    func roundTrip(kind: TunnelPath.Kind) async throws {
        let (server, port) = try await self.echo()
        let path = try await TunnelPath(kind, to: port)
        let loop = path.dialler.link.eventLoop
        let sizes = [1, 0, 62, 63, 64, 1472, 16_382, 16_383, 16_384, 60_000]
        let done = loop.makePromise(of: [Int].self)
        let failure = try await self.open(path, port) { tunnel in
            var got: [Int] = []
            // One at a time, so that no buffer drops any.
            let next = {
                if got.count == sizes.count {
                    done.succeed(got)
                    tunnel.close()
                } else {
                    tunnel.send(ByteBuffer(repeating: UInt8(got.count), count: sizes[got.count]))
                }
            }
            tunnel.onDatagram = { datagram in
                #expect(datagram.readableBytesView.allSatisfy { $0 == UInt8(got.count) })
                got.append(datagram.readableBytes)
                next()
            }
            tunnel.onClose = { done.fail(SocketFailure(code: 0, call: "\($0)")) }
            next()
        }
        #expect(failure == nil)
        #expect(try await done.futureResult.get() == sizes)
        #expect(try await path.settled())
        await path.close()
        try await server.close()
    }

    @Test("a silent flow ends on both sides", arguments: TunnelPath.Kind.allCases)
    func idle(kind: TunnelPath.Kind) async throws {
        let (server, port) = try await self.echo()
        let path = try await TunnelPath(kind, to: port, idle: .milliseconds(100))
        let closed = path.dialler.link.eventLoop.makePromise(of: StreamCloseReason.self)
        let failure = try await self.open(path, port) { tunnel in
            tunnel.send(ByteBuffer(string: "x"))
            tunnel.onClose = { closed.succeed($0) }
        }
        #expect(failure == nil)
        #expect(try await closed.futureResult.get() == .finished)
        #expect(try await path.settled())
        await path.close()
        try await server.close()
    }

    @Test("a port that nobody has ends the flow", arguments: TunnelPath.Kind.allCases)
    func refused(kind: TunnelPath.Kind) async throws {
        let (deaf, port) = try RawSocket.deaf(udp: true)
        let path = try await TunnelPath(kind, to: port)
        let closed = path.dialler.link.eventLoop.makePromise(of: StreamCloseReason.self)
        _ = try await self.open(path, port) { tunnel in
            tunnel.send(ByteBuffer(string: "x"))
            tunnel.onClose = { closed.succeed($0) }
        }
        #expect(try await closed.futureResult.get() == .finished)
        withExtendedLifetime(deaf) {}
        await path.close()
    }

    @Test("a server without extended CONNECT is not asked")
    func notOffered() async throws {
        var plain = LinkConfiguration()
        plain.enableConnectProtocol = false
        let pair = try await LinkPair.connect(listener: plain)
        let dialler = TunnelDialler(link: pair.dialler)
        let failure = try await pair.dialler.eventLoop.flatSubmit {
            let done = pair.dialler.eventLoop.makePromise(of: DialFailure?.self)
            dialler.openUDP(to: TunnelDestination(host: "127.0.0.1", port: 1)) { result in
                if case .failure(let failure) = result { done.succeed(failure) } else { done.succeed(nil) }
            }
            return done.futureResult
        }.get()
        #expect(failure == .failed("the far side does not carry UDP"))
        await pair.close()
    }
}

private final class UDPEcho: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.writeAndFlush(data, promise: nil) }
}
