import Actor
import Call
import Message
import NIOCore
import NIOPosix
import TLS
import Testing

@testable import Host

/// Intercepted connections on their way between agent and workstation, directly and through the manager.
@Suite(.timeLimit(.minutes(2))) struct DirectAgentTests {
    /// A connection of a caller to the agent's port that stays.
    private struct Caller {
        let channel: any Channel
        private let replies: AsyncStream<String>

        init(_ port: Int) async throws {
            let (replies, feed) = AsyncStream.makeStream(of: String.self)
            self.replies = replies
            channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Listening(feed))
                    }
                }
                .connect(host: "127.0.0.1", port: port).get()
        }

        func ask(_ text: String) async throws -> String? {
            try await channel.writeAndFlush(ByteBuffer(string: text))
            for await reply in replies { return reply }
            return nil
        }
    }

    private final class Listening: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let feed: AsyncStream<String>.Continuation

        init(_ feed: AsyncStream<String>.Continuation) { self.feed = feed }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            feed.yield(String(buffer: Self.unwrapInboundIn(data)))
        }

        func channelInactive(context: ChannelHandlerContext) { feed.finish() }
    }

    @Test("new connections take the direct link and pass no manager; those that are open stay where they are")
    func direct() async throws {
        let scene = try await DirectAgentScene()
        #expect(try await scene.ask("1") == "local:1")
        let early = try await Caller(scene.agentPort)
        #expect(try await early.ask("one") == "local:one")
        #expect(try await scene.workstation.relayed() == 2)
        #expect(try await scene.direct() == 0)
        try await scene.relay.open()
        try await scene.keepLinks()
        try await scene.until("direct")
        #expect(await scene.links.rows().map(\.peer) == ["agent/default/p1"])
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<50 {
                group.addTask {
                    let answer = try await scene.ask("n\(number)")
                    #expect(answer == "local:n\(number)")
                }
            }
            try await group.waitForAll()
        }
        #expect(try await scene.direct() == 50)
        #expect(try await scene.workstation.relayed() == 2)
        #expect(try await early.ask("two") == "local:two")
        try await early.channel.close()
        await scene.close()
    }

    @Test(
        "when the port-forward is killed new connections take the manager, none is lost; later the link is there again"
    )
    func killed() async throws {
        let scene = try await DirectAgentScene()
        try await scene.relay.open()
        try await scene.keepLinks()
        try await scene.until("direct")
        #expect(try await scene.ask("1") == "local:1")
        async let answers = withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<4 {
                group.addTask {
                    // Whatever was open on the link that is killed is lost with it; whatever comes is not.
                    for _ in 0..<25 {
                        let answer = try? await scene.ask("x")
                        if answer == "app:x" { return "the app answered caller \(number)" }
                    }
                    return ""
                }
            }
            var wrong: [String] = []
            for try await answer in group where !answer.isEmpty { wrong.append(answer) }
            return wrong
        }
        await scene.relay.cut()
        #expect(try await answers == [])
        try await scene.until("manager")
        let before = try await scene.workstation.relayed()
        for number in 0..<5 { #expect(try await scene.ask("r\(number)") == "local:r\(number)") }
        #expect(try await scene.workstation.relayed() == before + 5)
        let reason = await scene.links.ways(try await scene.held()).first?.reason
        #expect(reason?.hasPrefix("p1: ") == true, "\(reason ?? "")")
        try await scene.relay.open()
        try await scene.until("direct")
        let direct = try await scene.direct()
        #expect(try await scene.ask("again") == "local:again")
        #expect(try await scene.direct() == direct + 1)
        await scene.close()
    }

    @Test("a link that is dead without a word is passed over after one wait, and used again when it answers")
    func frozen() async throws {
        let scene = try await DirectAgentScene(leastPatience: DirectDoor.leastPatience)
        try await scene.relay.open()
        try await scene.keepLinks()
        try await scene.until("direct")
        await scene.relay.freeze(true)
        let before = try await scene.workstation.relayed()
        for number in 0..<5 { #expect(try await scene.ask("f\(number)") == "local:f\(number)") }
        #expect(try await scene.workstation.relayed() == before + 5)
        await scene.relay.freeze(false)
        let direct = try await scene.direct()
        while try await scene.direct() == direct { #expect(try await scene.ask("t") == "local:t") }
        await scene.close()
    }

    @Test("when the attachment ends new connections go to the app, and those on the direct link go on")
    func leaves() async throws {
        let scene = try await DirectAgentScene()
        try await scene.relay.open()
        try await scene.keepLinks()
        try await scene.until("direct")
        let caller = try await Caller(scene.agentPort)
        #expect(try await caller.ask("one") == "local:one")
        #expect(try await scene.direct() == 1)
        try await scene.workstation.leave()
        while try await scene.ask("x") != "app:x" { await Task.yield() }
        await scene.links.serve([])
        #expect(try await caller.ask("two") == "local:two")
        try await caller.channel.close()
        // With the last of them the link ends.
        while await !scene.links.rows().isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        await scene.close()
    }

    @Test("a session without attachment, a stranger, and an agent of another pod are refused, and the reason is told")
    func refused() async throws {
        let scene = try await DirectAgentScene()
        try await scene.relay.open()
        let pod = AgentPod(namespace: "default", name: "p1", port: UInt16(scene.doorPort))
        let bob = try await TestWorkstation(scene.manager, user: "bob")
        let strange = await #expect(throws: CallStatus.self) {
            try await scene.dialler(credential: bob.credential).open(pod)
        }
        #expect(strange?.message == "the session has no attachment at this agent")
        let foreign = try CertificateAuthority(commonName: "foreign")
        let nobody = try SessionCredential(authorities: scene.manager.authority.certificatePEM)
        await #expect(throws: (any Error).self) { try await scene.dialler(credential: nobody).open(pod) }
        let trusting = try SessionCredential(authorities: foreign.certificatePEM)
        await #expect(throws: (any Error).self) { try await scene.dialler(credential: trusting).open(pod) }
        let other = AgentPod(namespace: "default", name: "p2", port: pod.port)
        let wrong = await #expect(throws: CallStatus.self) { try await scene.dialler().open(other) }
        #expect(wrong?.message.contains("it does not prove to be that of pod default/p2") == true)
        #expect(try await scene.ask("1") == "local:1")
        #expect(try await scene.direct() == 0)
        await bob.cut()
        await scene.close()
    }

    @Test("an agent that has not proven its pod is not linked directly, and the reason is told")
    func unproven() async throws {
        let scene = try await DirectAgentScene(judge: OpenJudge())
        try await scene.relay.open()
        try await scene.keepLinks()
        let way = await scene.links.ways(try await scene.held()).first
        #expect(way?.way == "manager" && way?.reason == "no agent takes direct links", "\(String(describing: way))")
        #expect(try await scene.ask("1") == "local:1")
        #expect(scene.relay.carried == 0)
        await scene.close()
    }
}
