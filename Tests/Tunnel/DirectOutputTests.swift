import NIOCore
import NIOPosix
import Testing
import Tunnel

@Suite("Bytes past a channel's queue", .timeLimit(.minutes(1))) struct DirectOutputTests {
    /// The handler next to a socket, whose peer is a blocking socket.
    private struct Scene {
        let channel: any Channel
        let speaker: NIOLoopBound<Speaker>
        let peer: RawSocket

        init() async throws {
            let (listener, port) = try RawSocket.listen()
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let channel = try await ClientBootstrap(group: loop).connect(host: "127.0.0.1", port: Int(port)).get()
            peer = try await blocking { try listener.accept() }
            speaker = try await loop.submit {
                let speaker = Speaker()
                try channel.pipeline.syncOperations.addHandler(speaker)
                return NIOLoopBound(speaker, eventLoop: loop)
            }.get()
            self.channel = channel
        }

        func onLoop<Value: Sendable>(_ body: @escaping @Sendable (Speaker) -> Value) async throws -> Value {
            try await channel.eventLoop.submit { [speaker] in body(speaker.value) }.get()
        }
    }

    private final class Speaker: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private var output = DirectOutput()
        private var context: ChannelHandlerContext?

        func handlerAdded(context: ChannelHandlerContext) {
            self.context = context
            output = DirectOutput(context.channel)
        }

        func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

        func write(_ bytes: [UInt8]) {
            if let context { output.write(ByteBuffer(bytes: bytes), context) }
        }

        func flush() {
            if let context { output.flush(context) }
        }

        var queued: Int? { try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes) }
    }

    /// Numbers count up in blocks of odd sizes: a byte lost, doubled or out of turn shows.
    private static let blocks: [[UInt8]] = {
        var next: UInt32 = 0
        return (0..<3000).map { block in
            (0..<(1 + block * 7919 % 4001)).map { _ in
                next &+= 1
                return UInt8(truncatingIfNeeded: next &* 2_654_435_761 >> 24)
            }
        }
    }()

    @Test("what the socket does not take waits in the queue, and all comes in order")
    func order() async throws {
        let scene = try await Scene()
        let peer = scene.peer
        let (start, queued) = try await scene.onLoop { speaker in
            var start: [UInt8] = []
            for (number, block) in Self.blocks.enumerated() {
                // Nobody reads, so that socket and queue fill; then there is room in the socket, while the queue waits for the loop.
                if number == Self.blocks.count - 10 { start = (try? peer.receive(exactly: 1 << 20)) ?? [] }
                speaker.write(block)
                if number % 3 != 1 { speaker.flush() }
            }
            speaker.flush()
            return (start, speaker.queued)
        }
        #expect((queued ?? 0) > 0)
        let expected = Self.blocks.flatMap(\.self)
        let rest = try await blocking { try peer.receive(exactly: expected.count - start.count) }
        let isSame = start + rest == expected
        #expect(isSame)
        // The queue is empty: bytes pass it again.
        let again = try await scene.onLoop { speaker in
            speaker.write([1, 2])
            speaker.flush()
            speaker.write([3])
            speaker.write([4])
            speaker.flush()
            return speaker.queued
        }
        #expect(again == 0)
        #expect(try await blocking { try peer.receive(exactly: 4) } == [1, 2, 3, 4])
        try await scene.channel.close()
    }

    @Test("what is not flushed is not sent")
    func unflushed() async throws {
        let scene = try await Scene()
        try await scene.onLoop { $0.write([1]) }
        let peer = scene.peer
        #expect(try peer.isSilent(milliseconds: 50))
        try await scene.onLoop { $0.flush() }
        #expect(try await blocking { try peer.receive(exactly: 1) } == [1])
        try await scene.channel.close()
    }

    @Test("a connection that was reset ends the channel")
    func reset() async throws {
        let scene = try await Scene()
        // Without reading, only a write can find it.
        try await scene.channel.setOption(.autoRead, value: false).get()
        scene.peer.reset()
        var isOpen = true
        let deadline = ContinuousClock.now + .seconds(20)
        while isOpen, ContinuousClock.now < deadline {
            try await scene.onLoop { speaker in
                speaker.write([1])
                speaker.flush()
            }
            isOpen = scene.channel.isActive
        }
        #expect(!isOpen)
        // Its number may be another's by now.
        try await scene.onLoop { speaker in
            speaker.write([1])
            speaker.flush()
        }
    }
}
