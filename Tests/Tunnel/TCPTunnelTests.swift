import Glibc
import HTTP2
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing
import Tunnel

@Suite(.ownThreads, .serialized, .timeLimit(.minutes(2))) struct TCPTunnelTests {
    private static let noise: [UInt8] = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

    /// Runs both ends of one connection through a path, each on a thread of its own.
    private func run<A: Sendable, B: Sendable>(
        _ kind: TunnelPath.Kind,
        program: @escaping @Sendable (RawSocket) throws -> A,
        server: @escaping @Sendable (RawSocket) throws -> B
    ) async throws -> (A, B) {
        let (listener, port) = try RawSocket.listen()
        let path = try await TunnelPath(kind, to: port)
        async let far = blocking { try server(try listener.accept()) }
        async let near = blocking { try program(try RawSocket.connect(path.port)) }
        let result = try await (near, far)
        #expect(try await path.settled(), "streams are left")
        await path.close()
        return result
    }

    @Test("bytes come back", arguments: TunnelPath.Kind.allCases)
    func echo(kind: TunnelPath.Kind) async throws {
        let (answer, _) = try await self.run(kind) { socket in
            try socket.send(Array("hello".utf8))
            return try socket.receive(exactly: 5)
        } server: { socket in
            try socket.send(try socket.receive(exactly: 5))
        }
        #expect(answer == Array("hello".utf8))
    }

    @Test("the program ends first and still gets the answer", arguments: TunnelPath.Kind.allCases)
    func programEndsFirst(kind: TunnelPath.Kind) async throws {
        let (answer, sum) = try await self.run(kind) { socket in
            try socket.send(Self.noise)
            socket.endWriting()
            return try socket.drain()
        } server: { socket in
            let sum = try socket.drain()
            for _ in 0..<5 { try socket.send(Self.noise) }
            return sum
        }
        #expect(sum.count == 1_000_000)
        #expect(answer.count == 5_000_000)
    }

    @Test("the server ends first and still gets what follows", arguments: TunnelPath.Kind.allCases)
    func serverEndsFirst(kind: TunnelPath.Kind) async throws {
        let (greeting, sum) = try await self.run(kind) { socket in
            let greeting = try socket.drain()
            for _ in 0..<5 { try socket.send(Self.noise) }
            socket.endWriting()
            return greeting
        } server: { socket in
            try socket.send(Array("bye".utf8))
            socket.endWriting()
            return try socket.drain()
        }
        #expect(greeting.count == 3)
        #expect(sum.count == 5_000_000)
    }

    @Test("the program's reset reaches the server", arguments: TunnelPath.Kind.allCases)
    func programResets(kind: TunnelPath.Kind) async throws {
        let (_, failure) = try await self.run(kind) { socket in
            try socket.send([1])
            _ = try socket.receive(exactly: 1)
            socket.reset()
        } server: { socket in
            try socket.send(try socket.receive(exactly: 1))
            return try socket.failure()
        }
        #expect(failure == ECONNRESET)
    }

    @Test("the server's reset reaches the program", arguments: TunnelPath.Kind.allCases)
    func serverResets(kind: TunnelPath.Kind) async throws {
        let (failure, _) = try await self.run(kind) { socket in
            try socket.send([1])
            try socket.send(try socket.receive(exactly: 1))
            return try socket.failure()
        } server: { socket in
            try socket.send(try socket.receive(exactly: 1))
            _ = try socket.receive(exactly: 1)
            socket.reset()
        }
        #expect(failure == ECONNRESET)
    }

    @Test("an answer that a reset follows at once arrives whole", arguments: TunnelPath.Kind.allCases)
    func lastWords(kind: TunnelPath.Kind) async throws {
        let answer = Array(Self.noise.prefix(30_000))
        let (listener, port) = try RawSocket.listen()
        let path = try await TunnelPath(kind, to: port)
        for _ in 0..<20 {
            async let far: Void = blocking {
                let socket = try listener.accept()
                _ = try socket.receive(exactly: 1)
                try socket.send(answer)
                // As the kernel does of itself where somebody closes without having read everything.
                socket.reset()
            }
            async let near = blocking {
                let socket = try RawSocket.connect(path.port)
                try socket.sendInVain(Self.noise)
                return socket.receiveUntilOver()
            }
            let (_, (got, failure)) = try await (far, near)
            #expect(got.count == answer.count && got == answer)
            #expect(failure == ECONNRESET || failure == 0)
        }
        #expect(try await path.settled(), "streams are left")
        await path.close()
    }

    @Test("a reset waits for nobody who does not read", arguments: TunnelPath.Kind.allCases, [true, false])
    func resetUnread(kind: TunnelPath.Kind, fromServer: Bool) async throws {
        let (listener, port) = try RawSocket.listen()
        let path = try await TunnelPath(kind, to: port)
        async let accepting = blocking { try listener.accept() }
        let program = try await blocking { try RawSocket.connect(path.port) }
        let server = try await accepting
        let (speaker, deaf) = fromServer ? (server, program) : (program, server)
        let sent = try await blocking {
            let sent = try speaker.sendUntilStuck(Self.noise, limit: 400_000_000, milliseconds: 1000)
            speaker.reset()
            return sent
        }
        #expect(try await path.settled(), "the tunnel is left")
        let (got, failure) = try await blocking { deaf.receiveUntilOver() }
        #expect(failure == ECONNRESET)
        #expect(got.count <= sent)
        await path.close()
    }

    @Test("fifty megabytes each way at once arrive as they were", arguments: TunnelPath.Kind.allCases)
    func bulk(kind: TunnelPath.Kind) async throws {
        let both: @Sendable (RawSocket) throws -> Received = { socket in
            let done = DispatchedSend(socket, Self.noise, times: 50)
            let sum = try socket.drain(Self.noise)
            try done.wait()
            return sum
        }
        let (near, far) = try await self.run(kind, program: both, server: both)
        #expect(near == Received(count: 50_000_000, intact: true))
        #expect(far == Received(count: 50_000_000, intact: true))
    }

    @Test("two hundred tunnels at once", arguments: TunnelPath.Kind.allCases)
    func parallel(kind: TunnelPath.Kind) async throws {
        let (listener, port) = try RawSocket.listen()
        let path = try await TunnelPath(kind, to: port)
        async let served: Void = withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<200 {
                let socket = try await blocking { try listener.accept() }
                group.addTask {
                    try await blocking {
                        let name = try socket.receive(exactly: 2)
                        // All are open before any is answered, or this would not be in parallel.
                        try socket.send(name + Self.noise.prefix(50_000))
                        socket.endWriting()
                        _ = try socket.drain()
                    }
                }
            }
            try await group.waitForAll()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 {
                group.addTask {
                    let answer = try await blocking {
                        let socket = try RawSocket.connect(path.port)
                        let name = [UInt8(truncatingIfNeeded: index), UInt8(truncatingIfNeeded: index >> 8)]
                        try socket.send(name)
                        let answer = try socket.receive(exactly: 50_002)
                        return answer == name + Self.noise.prefix(50_000)
                    }
                    #expect(answer)
                }
            }
            try await group.waitForAll()
        }
        try await served
        #expect(try await path.settled())
        await path.close()
    }

    @Test("a reader that does not read keeps what is queued small", arguments: TunnelPath.Kind.allCases)
    func backPressure(kind: TunnelPath.Kind) async throws {
        let (listener, port) = try RawSocket.listen()
        let path = try await TunnelPath(kind, to: port)
        async let accepting = blocking { try listener.accept() }
        let program = try await blocking { try RawSocket.connect(path.port) }
        let reader = try await accepting
        let sent = try await blocking {
            try program.sendUntilStuck(Self.noise, limit: 400_000_000, milliseconds: 3000)
        }
        // Windows, kernel buffers on four sockets, and some slack for each queue.
        #expect(sent < 80_000_000)
        let queued = try await path.dialler.link.eventLoop.submit { path.streams.streams.map(\.queuedBytes).max() ?? 0 }
            .get()
        #expect(queued > 0)
        #expect(queued <= LinkConfiguration().streamHighWater + (1 << 20))
        // Another tunnel is not held up by it.
        #expect(try await path.dial(TunnelDestination(host: "127.0.0.1", port: port)) == nil)
        program.endWriting()
        #expect(try await blocking { try reader.drain().count } == sent)
        await path.close()
    }

    @Test("refused, unreachable, timeout and policy are told apart", arguments: TunnelPath.Kind.allCases)
    func failures(kind: TunnelPath.Kind) async throws {
        // A port at which nobody listens, and below one whose backlog is full.
        let (deaf, dead) = try RawSocket.deaf()
        let path = try await TunnelPath(kind, to: dead, dialTimeout: .seconds(1))
        #expect(try await path.dial(TunnelDestination(host: "127.0.0.1", port: dead)) == .refused)
        #expect(try await path.dial(TunnelDestination(host: "255.255.255.255", port: 1)) == .unreachable)
        #expect(try await path.dial(TunnelDestination(host: "no-such-name.invalid", port: 1)) == .unreachable)
        let forbidden = try await path.dial(
            TunnelDestination(host: "127.0.0.1", port: dead),
            fields: [HeaderField("x-forbidden", "yes")]
        )
        #expect(forbidden == .policy)
        let (full, port) = try RawSocket.listen(backlog: 0)
        let plug = (0..<2).map { _ in RawSocket.connectLater(port) }
        #expect(try await path.dial(TunnelDestination(host: "127.0.0.1", port: port)) == .timeout)
        #expect(try await path.settled())
        withExtendedLifetime((full, plug)) {}
        // The front turns a refused dial into a reset, which may come while the program still connects.
        let failure = try await blocking {
            do {
                return try RawSocket.connect(path.port).failure()
            } catch let failure as SocketFailure {
                return failure.code
            }
        }
        #expect(failure == ECONNRESET)
        withExtendedLifetime(deaf) {}
        await path.close()
    }

    @Test("a dial that its owner gives up leaves nothing behind", arguments: TunnelPath.Kind.allCases)
    func givenUp(kind: TunnelPath.Kind) async throws {
        let (full, port) = try RawSocket.listen(backlog: 0)
        let plug = (0..<2).map { _ in RawSocket.connectLater(port) }
        let path = try await TunnelPath(kind, to: port)
        let destination = TunnelDestination(host: "127.0.0.1", port: port)
        #expect(try await path.dial(destination, timeout: .milliseconds(100)) == .timeout)
        #expect(try await path.settled())
        withExtendedLifetime((full, plug)) {}
        await path.close()
    }

    @Test("the loss of a link resets the sockets on both ends", arguments: TunnelPath.Kind.allCases)
    func linkLost(kind: TunnelPath.Kind) async throws {
        let (listener, port) = try RawSocket.listen()
        let path = try await TunnelPath(kind, to: port)
        async let accepting = blocking { try listener.accept() }
        let program = try await blocking { try RawSocket.connect(path.port) }
        let server = try await accepting
        try await blocking {
            try program.send([7])
            _ = try server.receive(exactly: 1)
        }
        let cut = path.links[path.links.count - 1].dialler
        cut.channel.close(promise: nil)
        for socket in [program, server] {
            let code = try await blocking {
                try socket.failure()
            }
            #expect(code == ECONNRESET)
        }
        await path.close()
    }

    @Test("a dial on a lost link fails with that")
    func deadLink() async throws {
        let path = try await TunnelPath(.plain, to: 1)
        let link = path.dialler.link
        try await link.eventLoop.submit { link.close() }.get()
        #expect(try await path.dial(TunnelDestination(host: "127.0.0.1", port: 1)) == .linkLost)
        await path.close()
    }
}

/// Sends from a thread of its own, so that both directions are busy at once.
private final class DispatchedSend: Sendable {
    private let outcome = Mutex<Result<Void, any Error>?>(nil)

    init(_ socket: RawSocket, _ bytes: [UInt8], times: Int) {
        Task.detached {
            let outcome: Result<Void, any Error>
            do {
                try await blocking {
                    for _ in 0..<times { try socket.send(bytes) }
                    socket.endWriting()
                }
                outcome = .success(())
            } catch {
                outcome = .failure(error)
            }
            self.outcome.withLock { $0 = outcome }
        }
    }

    func wait() throws {
        while true {
            if let outcome = self.outcome.withLock({ $0 }) { return try outcome.get() }
            usleep(1000)
        }
    }
}
