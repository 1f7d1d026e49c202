import HTTP2
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
package import TLS

/// Accepts connections for an ``APIServer``: TLS with HTTP/2 or HTTP/1.1, or HTTP/1.1 without TLS.
package final class APIListener: Sendable {
    /// The port that it listens on.
    package let port: Int

    private let channel: any Channel
    private let connections: Connections

    /// Connections that are open, to be closed with the listener.
    private final class Connections: Sendable {
        let open = Mutex<[ObjectIdentifier: any Channel]>([:])

        func add(_ channel: any Channel) {
            let id = ObjectIdentifier(channel)
            self.open.withLock { $0[id] = channel }
            channel.closeFuture.whenComplete { _ in self.open.withLock { $0[id] = nil } }
        }
    }

    private init(channel: any Channel, port: Int, connections: Connections) {
        self.channel = channel
        self.port = port
        self.connections = connections
    }

    /// The TLS settings of an API server: its certificate, and the authority whose client certificates it believes.
    package static func tls(identity: TLSIdentity, authorityPEM: [UInt8]) throws(TLSError) -> TLSContext {
        try TLSContext.server(
            identity: identity,
            clientTrust: .authorities(pem: authorityPEM),
            requireClientCertificate: false,
            alpn: ["h2", "http/1.1"]
        )
    }

    /// Listens; port 0 takes any free one, and nil for `tls` speaks plainly (tests).
    ///
    /// A `socket` that listens already, such as one in another network namespace, is taken over in place of host and port.
    package static func start(
        server: APIServer,
        host: String,
        port: Int,
        tls: TLSContext?,
        socket: CInt? = nil
    ) async throws -> APIListener {
        let connections = Connections()
        let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024).serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: false)
            .childChannelInitializer { channel in
                connections.add(channel)
                return channel.eventLoop.makeCompletedFuture {
                    guard let tls else { return try self.serveHTTP1(channel, server, peer: nil) }
                    let configuration = LinkConfiguration { link in
                        link.onStream = { stream, fields, end in
                            HTTP2Exchange.serve(server, stream, fields, end, peer: link.peerCertificate)
                        }
                    }
                    Link.acceptTLS(on: channel, context: tls, configuration: configuration) { channel, handshake in
                        try self.serveHTTP1(channel, server, peer: handshake.peer)
                    }
                }
            }
        let channel =
            if let socket {
                try await bootstrap.withBoundSocket(socket).get()
            } else {
                try await bootstrap.bind(host: host, port: port).get()
            }
        return APIListener(channel: channel, port: channel.localAddress?.port ?? port, connections: connections)
    }

    /// Stops listening and closes every connection.
    package func close() async {
        try? await self.channel.close().get()
        for connection in self.connections.open.withLock({ Array($0.values) }) { connection.close(promise: nil) }
    }

    private static func serveHTTP1(_ channel: any Channel, _ server: APIServer, peer: PeerCertificate?) throws {
        let pipeline = channel.pipeline.syncOperations
        let encoder = HTTPResponseEncoder()
        let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes))
        try pipeline.addHandler(encoder)
        try pipeline.addHandler(decoder)
        try pipeline.addHandler(HTTP1Connection(server: server, peer: peer, encoder: encoder, decoder: decoder))
    }
}
