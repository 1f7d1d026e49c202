import Cluster
import NIOCore
import NIOPosix
import Sandbox
import TestSupport
import Testing

/// Our own Kubernetes client against the server: HTTP/2, watches, and port-forward by WebSocket channels.
@Suite struct ClientTests {
    @Test("lists, changes and evicts over HTTP/2") func verbs() async throws {
        try await APIFixture.with { fixture in
            let connection = APIConnection(access: try fixture.access())
            try await fixture.runPod("one")
            #expect(try await connection.serverVersion().hasPrefix("v1.32"))
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
