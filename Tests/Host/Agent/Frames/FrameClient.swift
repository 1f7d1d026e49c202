import NIOCore
import NIOPosix

@testable import HTTP2

/// Says the requests of a plan to a port, frame by frame; confined to the loop.
final class FrameClient {
    /// Requests that did not come to their end.
    struct Silence: Error { let streams: [String] }

    private let loop: any EventLoop
    private let plan: FramePlan
    private let port: Int
    private let streams: [Int: FrameStream]
    private let promise: EventLoopPromise<[Int: [FrameSight]]>
    private var peers: [FramePeer] = []
    /// How many phases have begun.
    private var begun = 0
    private var isBetween = true
    /// Who answers may have no connection yet.
    private var isCold = false
    /// Requests that are not over: all, and those for which the next phase waits.
    private var incomplete: Set<Int>
    private var awaited: Set<Int> = []
    private var held: [FrameStream] = []

    /// What is seen of the answers, by number.
    ///
    /// A phase of the plan begins when the one before it is over, and on a new connection where the server leaves.
    /// - Throws: ``Silence`` where something does not come in time.
    static func talk(_ plan: FramePlan, to port: Int) async throws -> [Int: [FrameSight]] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await loop.flatSubmit { FrameClient(plan, port, loop).run() }.get()
    }

    private init(_ plan: FramePlan, _ port: Int, _ loop: any EventLoop) {
        self.plan = plan
        self.port = port
        self.loop = loop
        promise = loop.makePromise()
        streams = plan.exchanges.reduce(into: [:]) {
            $0[$1.number] = FrameStream($1.number, $1.request, isServer: false)
        }
        incomplete = Set(streams.keys)
    }

    private func run() -> EventLoopFuture<[Int: [FrameSight]]> {
        let late = loop.assumeIsolated().scheduleTask(in: .seconds(60)) { [self] in
            let silent = incomplete.sorted().prefix(5).compactMap { streams[$0]?.description }
            promise.fail(Silence(streams: silent))
        }
        promise.futureResult.assumeIsolated().whenComplete { [self] _ in
            late.cancel()
            // Behind what is being said.
            loop.assumeIsolated().execute { for peer in self.peers { peer.close() } }
        }
        goOn()
        return promise.futureResult
    }

    /// Begins the next phase, or ends.
    private func goOn() {
        guard begun < plan.phases.count else {
            if incomplete.isEmpty { promise.succeed(streams.mapValues(\.seen)) }
            return
        }
        isBetween = true
        if let peer = peers.last, !peer.isLeaving, !peer.isLost { return isCold ? warm(peer) : begin(peer) }
        let peer = FramePeer(isServer: false, plan.settings)
        peer.onComplete = { [weak self] in self?.completed($0) }
        peers.append(peer)
        let bound = NIOLoopBound(peer, eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bound.value) }
            }
            .connect(host: "127.0.0.1", port: port)
            .assumeIsolated().whenComplete { [self] in
                switch $0 {
                case .success: warm(peer)
                case .failure(let error): promise.fail(error)
                }
            }
    }

    /// Asks both for something, and compares nothing: else a request that is given up at once would be so before anybody is there
    /// to whom it is passed on.
    private func warm(_ peer: FramePeer) {
        isCold = false
        isBetween = false
        let new = ["you", "me"].enumerated().map { index, who in
            let head: HeaderBlock = [
                HeaderField(":method", "GET"), HeaderField(":path", "/"), HeaderField("x-user", who),
                HeaderField("x-number", "\(-1 - index)"),
            ]
            let script = FrameScript(steps: [.fields(head, ends: true, FrameStyle())])
            return FrameStream(-1 - index, script, isServer: false)
        }
        awaited = Set(new.map(\.number))
        peer.begin(new)
    }

    private func begin(_ peer: FramePeer) {
        let phase = plan.phases[begun]
        isCold = phase.contains(where: \.leaves)
        begun += 1
        isBetween = false
        let new = phase.compactMap { streams[$0.number] }
        held = new.filter(\.isHeld)
        awaited = Set(phase.filter { !$0.isLeftBehind && !$0.request.isHeld }.map(\.number))
        peer.begin(new)
        if begun == plan.phases.count || awaited.isEmpty { check() }
    }

    private func completed(_ stream: FrameStream) {
        incomplete.remove(stream.number)
        awaited.remove(stream.number)
        check()
    }

    private func check() {
        guard !isBetween, awaited.isEmpty, let peer = peers.last else { return }
        let held = held.filter { !$0.isComplete }
        self.held = []
        awaited = Set(held.map(\.number))
        for stream in held { peer.release(stream) }
        if awaited.isEmpty, !isBetween { goOn() }
    }
}
