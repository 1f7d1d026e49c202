import Cluster
import NIOCore
import NIOPosix
import Sandbox
import TestSupport
import Testing

/// Our own Kubernetes client against the server: HTTP/2, watches, and port-forward by WebSocket channels.
@Suite(.serialized) struct ClientTests {
    @Test("lists, changes and evicts over HTTP/2") func verbs() async throws {
        try await APIFixture.with { fixture in
            let connection = APIConnection(access: try fixture.access(), connectTimeout: .seconds(60))
            try await fixture.runPod("one")
            // A busy machine may take its time.
            #expect(try await connection.serverVersion(timeout: .seconds(60)).hasPrefix("v1.32"))
            let pods = try await connection.list(.pods, namespace: "default", pageSize: 1)
            #expect(pods.items.map { $0.at("metadata", "name")?.string } == ["one"])
            #expect(try await connection.list(.configMaps, pageSize: 2).items.count == 5)
            let patched = try await connection.patch(
                .pods,
                namespace: "default",
                name: "one",
                .merge(["metadata": ["labels": ["a": "b"]]])
            )
            #expect(patched.at("metadata", "labels", "a") == "b")
            try await connection.evict(pod: "one", namespace: "default")
            #expect(fixture.api.store.find(.pods, namespace: "default", name: "one") == nil)
            connection.close()
        }
    }

    @Test("port-forwards by WebSocket channels, and says why it can't") func portForward() async throws {
        try await APIFixture.with { fixture in
            let echo = try await EchoServer.start()
            try await fixture.runPod("one")
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let access = try fixture.access()
            let promise = loop.makePromise(of: ByteBuffer.self)
            let channel = try await PortForward.open(
                access: access,
                namespace: "default",
                pod: "one",
                port: echo.port,
                on: loop
            ) { try $0.pipeline.syncOperations.addHandler(First(promise)) }
            try await channel.writeAndFlush(ByteBuffer(string: "hello")).get()
            let answer = try await within { try await promise.futureResult.get() }
            #expect(String(buffer: answer) == "hello")
            try? await channel.close().get()
            await echo.close()

            await #expect(throws: APIError.self) {
                _ = try await PortForward.open(access: access, namespace: "default", pod: "two", port: 1, on: loop)
            }
            let refused = loop.makePromise(of: ByteBuffer.self)
            _ = try await PortForward.open(access: access, namespace: "default", pod: "one", port: echo.port, on: loop)
            {
                try $0.pipeline.syncOperations.addHandler(First(refused))
            }
            await #expect(throws: PortForwardError.self) { try await within { try await refused.futureResult.get() } }
        }
    }

    @Test(
        "where a way of port-forwarding is refused the next one is taken, and why is known",
        arguments: [
            ([], .channels),
            ([.channels], .tunnelledSPDY),
            ([.channels, .tunnelledSPDY], .plainSPDY),
        ] as [([PortForwardWay], PortForwardWay)]
    )
    func ways(refused: [PortForwardWay], taken: PortForwardWay) async throws {
        try await APIFixture.with { fixture in
            fixture.faults.plan.refusedWays = refused.map(\.rawValue)
            let echo = try await EchoServer.start()
            try await fixture.runPod("one")
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let access = try fixture.access()
            let sent = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            // The second one begins with what the first has learnt.
            for _ in 0..<2 {
                let promise = loop.makePromise(of: [UInt8].self)
                let channel = try await within(.seconds(90)) {
                    try await PortForward.open(
                        access: access,
                        namespace: "default",
                        pod: "one",
                        port: echo.port,
                        on: loop,
                        timeout: .seconds(60)
                    ) { try $0.pipeline.syncOperations.addHandler(Whole(sent.count, promise)) }
                }
                for start in stride(from: 0, to: sent.count, by: 70_001) {
                    let part = sent[start..<min(start + 70_001, sent.count)]
                    channel.writeAndFlush(ByteBuffer(bytes: part), promise: nil)
                }
                let same = try await within(.seconds(90)) { try await promise.futureResult.get() } == sent
                #expect(same)
                try? await channel.close().get()
                let detour = PortForward.detour(access.endpoint)
                #expect(detour?.way ?? .channels == taken)
                for way in refused { #expect(detour?.reason.contains("\(way.rawValue): ") == true) }
            }
            await echo.close()
            // What the pod says comes through by every way. Nobody listens on the first port, before or after.
            let refusal = loop.makePromise(of: ByteBuffer.self)
            _ = try await PortForward.open(
                access: access,
                namespace: "default",
                pod: "one",
                port: 1,
                on: loop,
                timeout: .seconds(60)
            ) {
                try $0.pipeline.syncOperations.addHandler(First(refusal))
            }
            let error = await #expect(throws: PortForwardError.self) {
                try await within(.seconds(90)) { try await refusal.futureResult.get() }
            }
            #expect(
                error?.message.contains("error forwarding port 1 to") == true,
                "\(String(describing: error))"
            )
        }
    }

    @Test("where every way is refused the error names them all; where the server fails only one is tried")
    func noWay() async throws {
        try await APIFixture.with { fixture in
            try await fixture.runPod("one")
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let access = try fixture.access()
            fixture.faults.plan.refusedWays = FaultPlan.forwardWays
            let every = await #expect(throws: APIError.self) {
                try await PortForward.open(
                    access: access,
                    namespace: "default",
                    pod: "one",
                    port: 80,
                    on: loop,
                    timeout: .seconds(60)
                )
            }
            for way in PortForwardWay.allCases {
                #expect(every?.message.contains("by \(way.rawValue): ") == true, "\(String(describing: every))")
            }
            fixture.faults.plan = FaultPlan()
            fixture.faults.plan.severed = ["default/one"]
            let severed = await #expect(throws: APIError.self) {
                try await PortForward.open(
                    access: access,
                    namespace: "default",
                    pod: "one",
                    port: 80,
                    on: loop,
                    timeout: .seconds(60)
                )
            }
            #expect(severed?.kind == .serverFailure && severed?.message.contains("by SPDY") == false)
        }
    }

    /// Collects so many bytes.
    private final class Whole: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let count: Int
        private let promise: EventLoopPromise<[UInt8]>
        private var bytes: [UInt8] = []

        init(_ count: Int, _ promise: EventLoopPromise<[UInt8]>) {
            self.count = count
            self.promise = promise
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.bytes += self.unwrapInboundIn(data).readableBytesView
            if self.bytes.count >= self.count { self.promise.succeed(self.bytes) }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { self.promise.fail(error) }
        func channelInactive(context: ChannelHandlerContext) { self.promise.fail(ChannelError.eof) }
    }

    private final class First: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let promise: EventLoopPromise<ByteBuffer>

        init(_ promise: EventLoopPromise<ByteBuffer>) { self.promise = promise }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.promise.succeed(self.unwrapInboundIn(data))
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            self.promise.fail(error)
            context.close(promise: nil)
        }
        func channelInactive(context: ChannelHandlerContext) { self.promise.fail(ChannelError.eof) }
    }
}
