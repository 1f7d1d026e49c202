import Foundation
import HTTP2
import NIOCore
import NIOPosix
import Testing
import TestSupport

/// Foreign clients against our server.
@Suite(.ownThreads, .timeLimit(.minutes(1))) struct InteropTests {
    private static func find(_ tool: String) -> String? {
        ["/usr/bin/", "/usr/local/bin/"].map { $0 + tool }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    private func serve() async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                _ = Link.start(
                    on: channel,
                    role: .server,
                    configuration: LinkConfiguration { link in
                        link.onStream = { stream, _, _ in
                            stream.sendHeaders([HeaderField(":status", "200")], endStream: false)
                            stream.write(ByteBuffer(string: "got "))
                            stream.onData = { buffer in
                                stream.write(buffer)
                                stream.consume(buffer.readableBytes)
                            }
                            stream.onEnd = { stream.end() }
                        }
                    }
                )
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private func run(_ tool: String, _ arguments: [String]) async throws -> (status: Int32, text: String) {
        try await NIOThreadPool.singleton.runIfActive {
            let result = try TestProgram.run([tool] + arguments, errors: .dropped)
            return (result.status, result.output)
        }
    }

    @Test("curl posts and gets the echo", .enabled(if: find("curl") != nil, "curl is not installed"))
    func curl() async throws {
        let server = try await self.serve()
        let port = try #require(server.localAddress?.port)
        let body = String(repeating: "b", count: 300_000)
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("curl-body-\(port)")
        try Data(body.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let result = try await self.run(
            try #require(Self.find("curl")),
            [
                "-s", "--noproxy", "*", "--http2-prior-knowledge", "-w", " %{http_version}", "--data-binary",
                "@\(file.path)",
                "http://127.0.0.1:\(port)/",
            ]
        )
        #expect(result.status == 0)
        #expect(result.text == "got \(body) 2")
        try await server.close()
    }

    @Test("nghttp gets an answer", .enabled(if: find("nghttp") != nil, "nghttp is not installed (nghttp2-client)"))
    func nghttp() async throws {
        let server = try await self.serve()
        let port = try #require(server.localAddress?.port)
        let result = try await self.run(try #require(Self.find("nghttp")), ["-y", "http://127.0.0.1:\(port)/"])
        #expect(result.status == 0)
        #expect(result.text.contains("got "))
        try await server.close()
    }

    @Test("h2load loses no request", .enabled(if: find("h2load") != nil, "h2load is not installed (nghttp2-client)"))
    func h2load() async throws {
        let server = try await self.serve()
        let port = try #require(server.localAddress?.port)
        let result = try await self.run(
            try #require(Self.find("h2load")),
            ["-n", "5000", "-c", "4", "-m", "32", "http://127.0.0.1:\(port)/"]
        )
        #expect(result.status == 0)
        #expect(result.text.contains("5000 succeeded, 0 failed, 0 errored, 0 timeout"))
        try await server.close()
    }
}
