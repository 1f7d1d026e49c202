import Actor
import Message
import NIOCore
import NIOPosix
import Testing

@testable import Host

@Suite struct HealthTests {
    /// Sends `request`, which asks to close, and returns all that comes.
    private func ask(_ port: Int, _ request: String) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var text = ""
            for try await part in inbound { text += String(buffer: part) }
            return text
        }
    }

    private func server(_ respond: @escaping PlainHTTPServer.Responder) async throws -> PlainHTTPServer {
        try await PlainHTTPServer.start(
            host: "127.0.0.1",
            port: 0,
            group: MultiThreadedEventLoopGroup.singleton,
            respond: respond
        )
    }

    @Test("a path is answered, another is 404, another method 405")
    func requests() async throws {
        let server = try await server { $0 == "/healthz" ? .init(200, "ok\n") : nil }
        let end = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        let good = try await ask(server.port, "GET /healthz?verbose" + end)
        #expect(good.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(good.hasSuffix("\r\n\r\nok\n"))
        #expect(try await ask(server.port, "GET /other" + end).hasPrefix("HTTP/1.1 404"))
        #expect(try await ask(server.port, "POST /healthz" + end).hasPrefix("HTTP/1.1 405"))
        let head = try await ask(server.port, "HEAD /healthz" + end)
        #expect(head.contains("content-length: 3"))
        #expect(head.hasSuffix("\r\n\r\n"))
        #expect(try await ask(server.port, "nonsense\r\n\r\n").hasPrefix("HTTP/1.1 400"))
        await server.stop()
    }

    @Test("one connection may ask again")
    func keepAlive() async throws {
        let server = try await server { .init(200, "\($0)\n") }
        let requests =
            "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        let answer = try await ask(server.port, requests)
        #expect(answer.contains("/a\n"))
        #expect(answer.hasSuffix("/b\n"))
        await server.stop()
    }

    @Test("metrics are text format 0.0.4, with label values escaped")
    func prometheus() {
        var text = PrometheusText()
        text.add("plain", .gauge, "help with \\ and\nbreak", 7)
        text.add("labelled", .counter, "help", [.init(1, ["a": "x\"y\\z\n", "b": ""]), .init(2, ["a": "é"])])
        #expect(
            text.text == """
                # HELP plain help with \\\\ and\\nbreak
                # TYPE plain gauge
                plain 7
                # HELP labelled help
                # TYPE labelled counter
                labelled{a="x\\"y\\\\z\\n",b=""} 1
                labelled{a="é"} 2

                """
        )
    }

    @Test("the manager's metrics have the names that dashboards know")
    func managerMetrics() {
        let usage = UsageCounts()
        let ann = Hello(kind: .client, client: ClientHello(user: "ann", host: "box"))
        usage.connected(ann)
        usage.connected(ann)
        usage.connected(Hello(kind: .agent, agent: AgentHello(workloadName: "web")))
        usage.attached(ann, .intercept)
        let text = ManagerMetrics.text(
            [
                SessionStatus(id: "1", kind: .client, owner: "ann@box", linked: true),
                SessionStatus(id: "2", kind: .agent, owner: "web-1", linked: true),
                SessionStatus(id: "3", kind: .agent, owner: "web-2", linked: false),
            ],
            [AttachmentStatus(id: "a", sessionID: "1", kind: .intercept, workload: "web", state: .active)],
            .init(tunnels: 4, calls: 2, bytes: (100, 200)),
            usage,
            1
        )
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
        #expect(
            lines == [
                "telepresence_agent_count 1",
                "telepresence_client_count 1",
                "telepresence_active_intercept_count 1",
                "telepresence_session_count 3",
                "telepresence_tunnel_count 4",
                "telepresence_tunnel_ingress_bytes 100",
                "telepresence_tunnel_egress_bytes 200",
                "telepresence_active_http_request_count 1",
                "telepresence_active_grpc_request_count 2",
                "telepresence_connect_count{client=\"ann@box\",install_id=\"\"} 2",
                "telepresence_connect_active_status{client=\"ann@box\",install_id=\"\"} 1",
                "telepresence_intercept_count{client=\"ann@box\",install_id=\"\",intercept_type=\"intercept\"} 1",
                "telepresence_intercept_active_status{client=\"ann@box\",install_id=\"\",workload=\"web\"} 1",
            ]
        )
    }

    @Test("readiness says why not")
    func readiness() {
        let readiness = Readiness()
        #expect(readiness.obstacle == "starting")
        readiness.set(nil)
        #expect(readiness.obstacle == nil)
        readiness.set("ending")
        #expect(readiness.obstacle == "ending")
    }
}
