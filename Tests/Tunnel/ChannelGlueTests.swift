import Glibc
import NIOCore
import NIOPosix
import Testing
import Tunnel

@Suite(.timeLimit(.minutes(1))) struct ChannelGlueTests {
    /// Runs both ends of one connection through a forwarder, each on a thread of its own.
    private func run<A: Sendable, B: Sendable>(
        program: @escaping @Sendable (RawSocket) throws -> A,
        server: @escaping @Sendable (RawSocket) throws -> B
    ) async throws -> (A, B) {
        let (listener, port) = try RawSocket.listen()
        let front = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let destination = TunnelDestination(host: "127.0.0.1", port: port)
                    TunnelSocket.dialTCP(destination, on: channel.eventLoop, timeout: .seconds(30)).whenComplete {
                        result in
                        switch result {
                        case .success(let far): ChannelGlue.join(channel, far)
                        case .failure: SocketReset.close(channel)
                        }
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let entry = UInt16(front.localAddress?.port ?? 0)
        async let far = blocking { try server(try listener.accept()) }
        async let near = blocking { try program(try RawSocket.connect(entry)) }
        let result = try await (near, far)
        try await front.close()
        return result
    }

    @Test("large bodies pass and half-closes are kept, whoever ends first", arguments: [true, false])
    func halfClose(programFirst: Bool) async throws {
        let noise = [UInt8](repeating: 0x5A, count: 8_000_000)
        let first: @Sendable (RawSocket) throws -> Int = { socket in
            try socket.send(noise)
            socket.endWriting()
            return try socket.drain().count
        }
        let second: @Sendable (RawSocket) throws -> Int = { socket in
            let got = try socket.drain().count
            try socket.send(noise)
            return got
        }
        let (near, far) = try await self.run(
            program: programFirst ? first : second,
            server: programFirst ? second : first
        )
        #expect(near == 8_000_000)
        #expect(far == 8_000_000)
    }

    @Test("a reset is passed on")
    func reset() async throws {
        let (code, _) = try await self.run { socket in
            try socket.send([1])
            return try socket.failure()
        } server: { socket in
            _ = try socket.receive(exactly: 1)
            socket.reset()
        }
        #expect(code == ECONNRESET)
    }

    @Test("an answer that a reset follows at once arrives whole")
    func lastWords() async throws {
        let answer = [UInt8](repeating: 0x5A, count: 30_000)
        for _ in 0..<20 {
            let ((got, failure), _) = try await self.run { socket in
                try socket.sendInVain([UInt8](repeating: 1, count: 1_000_000))
                return socket.receiveUntilOver()
            } server: { socket in
                _ = try socket.receive(exactly: 1)
                try socket.send(answer)
                socket.reset()
            }
            #expect(got.count == answer.count && got == answer)
            #expect(failure == ECONNRESET || failure == 0)
        }
    }
}
