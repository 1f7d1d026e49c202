import NIOCore
import NIOPosix
import Synchronization
import TestSupport

@testable import HTTP2

/// A server on loopback that does with each request what its script says, frame by frame.
///
/// The request's number is in a field of its head. What is noted is confined to the loop.
final class FrameServer: Sendable {
    /// How a marked block ends, before the server's name of three letters.
    static let mark = Array("x-server".utf8)

    /// What the servers do with requests, by number; for any thread.
    final class Scripts: Sendable {
        private let scripts = Mutex<[Int: FrameScript]>([:])

        func add(_ exchanges: some Sequence<FramePlan.Exchange>) {
            scripts.withLock { scripts in for exchange in exchanges { scripts[exchange.number] = exchange.response } }
        }

        fileprivate subscript(number: Int) -> FrameScript? { scripts.withLock { $0[number] } }
    }

    /// The answer to requests of which nothing is noted.
    private static let hello = FrameScript(
        steps: [.await(.end), .fields([HeaderField(":status", "200")], ends: true, FrameStyle())]
    )

    private final class Notes {
        /// What was seen of each request that is over.
        var seen: [Int: [FrameSight]] = [:]
        /// Requests that came more than once.
        var repeated: [Int] = []
        var came: Set<Int> = []
        /// Streams that wait for a request.
        var held: [Int: (FramePeer, FrameStream)] = [:]
        var accepts = 0
    }

    let port: Int
    private let loop: any EventLoop
    private let listener: any Channel
    private let notes: NIOLoopBound<Notes>

    init(_ name: String, _ scripts: Scripts) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.loop = loop
        let notes = try await loop.submit { NIOLoopBound(Notes(), eventLoop: loop) }.get()
        self.notes = notes
        listener = try await ServerBootstrap(group: loop)
            .serverChannelOption(.backlog, value: 128)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let peer = Self.peer(name, notes.value, scripts)
                    try channel.pipeline.syncOperations.addHandler(peer)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
    }

    /// Settings differ from connection to connection.
    private static func peer(_ name: String, _ notes: Notes, _ scripts: Scripts) -> FramePeer {
        let count = notes.accepts
        notes.accepts += 1
        let peer = FramePeer(
            isServer: true,
            FramePeer.Settings(
                window: [65_535, 16_384, 1 << 20][count % 3],
                frame: [16_384, 100_000][count % 2],
                table: [4096, 0, 100, 65_536][count % 4]
            )
        )
        peer.mark = HeaderField("x-server", name)
        peer.onRequest = { peer, head in
            let text = head.withView { $0.value(of: "x-number").map { String(decoding: $0, as: UTF8.self) } }
            guard let number = text.flatMap({ Int($0) }) else { return nil }
            if number < 0 { return FrameStream(number, Self.hello, isServer: true) }
            guard let script = scripts[number] else { return nil }
            if !notes.came.insert(number).inserted { notes.repeated.append(number) }
            let stream = FrameStream(number, script, isServer: true)
            if let wanted = script.heldUntil {
                if notes.came.contains(wanted) { stream.isHeld = false } else { notes.held[wanted] = (peer, stream) }
            }
            if let (peer, held) = notes.held.removeValue(forKey: number) { peer.release(held) }
            return stream
        }
        peer.onComplete = { if $0.number >= 0 { notes.seen[$0.number] = $0.seen } }
        return peer
    }

    /// What was seen of these requests, which have to come to their end; of those that do not, nothing.
    func seen(_ numbers: [Int]) async throws -> [Int: [FrameSight]] {
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            let seen = try await loop.submit { [notes] in
                numbers.reduce(into: [:]) { $0[$1] = notes.value.seen[$1] }
            }.get()
            if seen.count == numbers.count || ContinuousClock.now > deadline { return seen }
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// All requests that came, and those that came more than once.
    func counts() async throws -> (all: Int, repeated: [Int]) {
        try await loop.submit { [notes] in (notes.value.came.count, notes.value.repeated) }.get()
    }

    func close() async { await ClosedPort.close(listener) }
}
