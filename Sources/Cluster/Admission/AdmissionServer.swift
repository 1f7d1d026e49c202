internal import HTTP2
package import Logging
package import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization
package import TLS

/// The HTTPS server that the API server asks before it makes a pod.
///
/// Serves `POST /traffic-agent` (AdmissionReview v1) and `GET /healthz`, HTTP/1.1. A handler that throws or takes too long never
/// keeps a pod from starting: the answer is then "allowed", unchanged, with a warning. What is no review gets 400, and the API
/// server goes by the webhook's failure policy.
///
/// Connections live on the event loops of the group; handlers run as tasks of their own, cancelled when nobody waits for them
/// any more.
package final class AdmissionServer: Sendable {
    /// Answers one request; may have no effects when the request is a dry run.
    package typealias Handler = @Sendable (AdmissionRequest) async throws -> AdmissionResponse

    /// Limits of the server.
    package struct Limits: Sendable {
        /// The longest review, in bytes.
        package var bodySize = 3 << 20
        /// How long a handler may take: less than the webhook's `timeoutSeconds`.
        package var handlerTime = TimeAmount.seconds(4)
        /// How many connections there may be: API servers keep a few each, and anybody in the cluster can make them.
        package var connections = 64
        /// How long a request may take to come.
        package var requestTime = TimeAmount.seconds(10)
        /// How long a connection may say nothing.
        package var idleTime = TimeAmount.seconds(120)

        package init() {}
    }

    private let group: any EventLoopGroup
    private let limits: Limits
    private let logger: Logger
    private let handler: Handler
    private let tls: Mutex<TLSContext>
    private let channels = Mutex<(listener: (any Channel)?, connections: [ObjectIdentifier: any Channel])>((nil, [:]))

    /// Makes a server that does not listen yet.
    ///
    /// - Throws: `TLSError` when the certificate cannot be used.
    package init(
        group: any EventLoopGroup,
        identity: TLSIdentity,
        limits: Limits = Limits(),
        logger: Logger,
        handler: @escaping Handler
    ) throws(TLSError) {
        self.group = group
        self.limits = limits
        self.logger = logger
        self.handler = handler
        self.tls = Mutex(try Self.context(identity))
    }

    private static func context(_ identity: TLSIdentity) throws(TLSError) -> TLSContext {
        try .server(identity: identity, clientTrust: nil, requireClientCertificate: false, alpn: ["http/1.1"])
    }

    /// Shows another certificate to those who connect from now on.
    package func use(_ identity: TLSIdentity) throws(TLSError) {
        let context = try Self.context(identity)
        tls.withLock { $0 = context }
    }

    /// Listens, and serves until ``stop()``.
    ///
    /// - Parameters:
    ///   - host: the address to listen on.
    ///   - port: 0 takes any.
    /// - Returns: The address that it listens on.
    /// - Throws: What the system says about the port.
    package func start(host: String, port: Int) async throws -> SocketAddress {
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 128)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.prepare(channel) }
            }
        let channel = try await bootstrap.bind(host: host, port: port).get()
        guard let address = channel.localAddress else { throw ChannelError.unknownLocalAddress }
        channels.withLock { $0.listener = channel }
        return address
    }

    /// Stops listening and closes all connections.
    package func stop() async {
        let open = channels.withLock { channels in
            defer { channels = (nil, [:]) }
            return [channels.listener].compactMap { $0 } + channels.connections.values
        }
        for channel in open { try? await channel.close().get() }
    }

    /// There are as many connections as there may be.
    private struct TooMany: Error {}

    private func prepare(_ channel: any Channel) throws {
        let identifier = ObjectIdentifier(channel)
        let isTooMany = channels.withLock { channels in
            guard channels.connections.count < limits.connections else { return true }
            channels.connections[identifier] = channel
            return false
        }
        guard !isTooMany else {
            logger.warning("a webhook connection is refused", metadata: ["connections": "\(limits.connections)"])
            throw TooMany()
        }
        channel.closeFuture.whenComplete { _ in
            self.channels.withLock { _ = $0.connections.removeValue(forKey: identifier) }
        }
        let context = tls.withLock { $0 }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(TLSHandler(context: context, role: .server))
        try pipeline.addHandler(IdleStateHandler(allTimeout: limits.idleTime))
        try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
        try pipeline.addHandler(AdmissionHTTPHandler(limits: limits, logger: logger, handler: handler))
    }
}
