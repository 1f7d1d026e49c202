@testable import Cluster
import HTTP2
import NIOCore
import NIOPosix
import NIOWebSocket
import Synchronization
import TLS
import TestSupport

/// A small API server on loopback: HTTP/2 over TLS for requests, HTTP/1.1 upgrades for port-forwards.
final class TestAPIServer: Sendable {
    struct Request: Sendable {
        var method: String
        var path: String
        var query: [String: String]
        var fields: [HeaderField]
        var body: [UInt8]

        var json: JSONValue { (try? JSONValue.parse(body)) ?? .null }
    }

    /// How a request is answered.
    enum Reply: Sendable {
        case json(Int, JSONValue, [HeaderField] = [])
        /// Lines of a watch; then the end, or nothing more, or a lost connection.
        case lines([JSONValue], then: After)
        case silence
        case hangUp
    }

    enum After: Sendable {
        case end
        case hold
        case hangUp
    }

    typealias Handler = @Sendable (Request) -> Reply

    let authority: CertificateAuthority
    let port: Int
    private let channel: any Channel
    private let accepted: AcceptedChannels
    let connections: Counter

    private init(
        authority: CertificateAuthority,
        channel: any Channel,
        accepted: AcceptedChannels,
        connections: Counter
    ) {
        self.authority = authority
        self.channel = channel
        self.accepted = accepted
        self.connections = connections
        port = channel.localAddress?.port ?? 0
    }

    static func start(
        names: [String] = ["localhost"],
        forward: @escaping PodHandler = { $0.eventLoop.makeSucceededVoidFuture() },
        refuseUpgrade: (status: Int, body: JSONValue)? = nil,
        _ handler: @escaping Handler
    ) async throws -> TestAPIServer {
        let authority = try CertificateAuthority(commonName: "test CA")
        let identity = try authority.issue(commonName: "server", dnsNames: names, ipAddresses: ["127.0.0.1"])
        let tls = try TLSContext.server(
            identity: identity,
            clientTrust: nil,
            requireClientCertificate: false,
            alpn: ["h2", "http/1.1"]
        )
        let accepted = AcceptedChannels()
        let connections = Counter()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                accepted.add(channel)
                connections.increment()
                let configuration = LinkConfiguration { link in
                    link.onStream = { stream, fields, _ in serve(stream, fields, handler) }
                }
                let started = Link.acceptTLS(on: channel, context: tls, configuration: configuration) { channel, _ in
                    try serveUpgrades(channel, forward, refuseUpgrade)
                }
                started.whenFailure { _ in }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return TestAPIServer(authority: authority, channel: channel, accepted: accepted, connections: connections)
    }

    /// Access to it with a token.
    func access(
        credentials: any CredentialSource = StaticCredentialSource(Credential(token: "good")),
        host: String = "127.0.0.1"
    ) throws -> ClusterAccess {
        ClusterAccess(
            endpoint: try ClusterEndpoint(url: "https://\(host):\(port)", authorities: authority.certificatePEM),
            credentials: credentials,
            contextName: "test",
            userName: "dev"
        )
    }

    /// Cuts all connections; new ones are accepted.
    func cut() {
        accepted.closeAll()
    }

    func stop() async {
        accepted.closeAll()
        await ClosedPort.close(channel)
    }

    // MARK: HTTP/2

    private static func serve(_ stream: HTTP2Stream, _ fields: [HeaderField], _ handler: @escaping Handler) {
        var body = ByteBuffer()
        stream.onData = { buffer in
            body.writeImmutableBuffer(buffer)
            stream.consume(buffer.readableBytes)
        }
        stream.onEnd = {
            let target = (fields[":path"] ?? "").split(separator: "?", maxSplits: 1)
            var query: [String: String] = [:]
            for pair in target.count > 1 ? target[1].split(separator: "&") : [] {
                let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                query[String(halves[0])] = halves.count > 1 ? String(halves[1]) : ""
            }
            let request = Request(
                method: fields[":method"] ?? "",
                path: String(target.first ?? ""),
                query: query,
                fields: fields,
                body: Array(body.readableBytesView)
            )
            answer(stream, handler(request))
        }
    }

    private static func answer(_ stream: HTTP2Stream, _ reply: Reply) {
        switch reply {
        case .json(let status, let body, let extra):
            stream.sendHeaders([HeaderField(":status", String(status))] + extra, endStream: false)
            stream.write(ByteBuffer(bytes: body.serialized()))
            stream.end()
        case .lines(let lines, let after):
            stream.sendHeaders([HeaderField(":status", "200")], endStream: false)
            for line in lines {
                // Cut in odd places, as networks do.
                let bytes = line.serialized() + [UInt8(ascii: "\n")]
                stream.write(ByteBuffer(bytes: bytes[..<(bytes.count / 3)]))
                stream.write(ByteBuffer(bytes: bytes[(bytes.count / 3)...]))
            }
            switch after {
            case .end: stream.end()
            case .hold: break
            case .hangUp:
                let link = stream.link
                link.eventLoop.scheduleTask(in: .milliseconds(50)) { link.close() }
            }
        case .silence: break
        case .hangUp: stream.link.close()
        }
    }

    // MARK: HTTP/1.1

    /// What a pod does with a forwarded connection; called once the WebSocket is open.
    typealias PodHandler = @Sendable (any Channel) -> EventLoopFuture<Void>

    private static func serveUpgrades(
        _ channel: any Channel,
        _ forward: @escaping PodHandler,
        _ refusal: (status: Int, body: JSONValue)?
    ) throws {
        try channel.pipeline.syncOperations.addHandler(UpgradeHandler(forward, refusal))
    }
}

/// Answers an upgrade request, by 101 or a refusal, then gives way to NIO's WebSocket codec.
private final class UpgradeHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let forward: TestAPIServer.PodHandler
    private let refusal: (status: Int, body: JSONValue)?
    private var head = ByteBuffer()

    init(_ forward: @escaping TestAPIServer.PodHandler, _ refusal: (status: Int, body: JSONValue)?) {
        self.forward = forward
        self.refusal = refusal
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        head.writeImmutableBuffer(unwrapInboundIn(data))
        let text = String(buffer: head)
        guard text.hasSuffix("\r\n\r\n") else { return }
        // Nothing may follow the request before it is answered.
        guard text.split(separator: "\r\n\r\n").count == 1 else { return context.close(promise: nil) }
        if let refusal {
            let body = refusal.body.text
            let answer = "HTTP/1.1 \(refusal.status) No\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
            return
        }
        let marker = "Sec-WebSocket-Key: "
        let key = text.split(separator: "\r\n").first { $0.hasPrefix(marker) }?.dropFirst(marker.count) ?? ""
        let accept = Base64.encode(SHA1.digest(Array((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8)))
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Accept: \(accept)\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
        let channel = context.channel
        do {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(WebSocketFrameEncoder())
            try pipeline.addHandler(ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: 1 << 24)))
        } catch {
            channel.close(promise: nil)
        }
        forward(channel).whenFailure { _ in channel.close(promise: nil) }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
}

/// The channels that a server has accepted.
final class AcceptedChannels: Sendable {
    private let channels = Mutex<[any Channel]>([])

    func add(_ channel: any Channel) { channels.withLock { $0.append(channel) } }

    func closeAll() {
        let all = channels.withLock { channels in
            defer { channels = [] }
            return channels
        }
        for channel in all { channel.close(promise: nil) }
    }
}

/// Counts across threads.
final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    @discardableResult
    func increment() -> Int {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}
