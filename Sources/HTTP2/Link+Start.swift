package import NIOCore
package import TLS

extension Link {
    /// ALPN of links on which the dialling side is the HTTP/2 client.
    package static let forward = "h2"
    /// ALPN of links on which the dialling side is the HTTP/2 server.
    package static let reverse = "h2-reverse"

    /// Starts HTTP/2 on a channel without TLS of its own (Unix sockets, tests).
    ///
    /// Nothing may have been read from the channel yet: call it in a bootstrap's initializer, or as soon as `connect`
    /// has succeeded.
    ///
    /// - Returns: The link, once its handler is in the pipeline and the channel is active. In an initializer, do not wait
    ///   for it.
    package static func start(
        on channel: any Channel,
        role: Role,
        configuration: LinkConfiguration = LinkConfiguration()
    ) -> EventLoopFuture<Link> {
        self.install(on: channel, .at(role), tls: nil, configuration, fallback: nil)
    }

    /// Dials: TLS first, then HTTP/2 in the role that the application protocol says (`h2` client, `h2-reverse` server).
    ///
    /// - Parameters:
    ///   - channel: Connected, or about to be; any handlers below stay there.
    ///   - context: Offers `h2` or `h2-reverse`.
    ///   - serverName: Checked against the server's certificate.
    ///   - configuration: Sizes, limits, times, `onStart`.
    /// - Returns: The link after the handshake; fails with `TLSError` or `HTTP2Error.otherProtocol`.
    package static func startTLS(
        on channel: any Channel,
        context: TLSContext,
        dialler serverName: String?,
        configuration: LinkConfiguration = LinkConfiguration()
    ) -> EventLoopFuture<Link> {
        self.install(
            on: channel,
            .byALPN(dialled: true),
            tls: (context, .client(serverName: serverName)),
            configuration,
            fallback: nil
        )
    }

    /// Accepts: TLS first, then HTTP/2 in the role that the application protocol says (`h2` server, `h2-reverse` client).
    ///
    /// - Parameters:
    ///   - channel: A connection being accepted.
    ///   - context: Accepts `h2`, `h2-reverse` or both, and whatever `fallback` speaks.
    ///   - configuration: Sizes, limits, times, `onStart`.
    ///   - fallback: Takes over on another application protocol, or on none: install handlers there, synchronously, above
    ///     TLS. Without it such a connection is closed.
    /// - Returns: The link after the handshake; fails with `TLSError` or `HTTP2Error.otherProtocol`. In an initializer, do
    ///   not wait for it.
    @discardableResult
    package static func acceptTLS(
        on channel: any Channel,
        context: TLSContext,
        configuration: LinkConfiguration = LinkConfiguration(),
        fallback: (@Sendable (any Channel, TLSHandshakeCompleted) throws -> Void)? = nil
    ) -> EventLoopFuture<Link> {
        self.install(
            on: channel,
            .byALPN(dialled: false),
            tls: (context, .server),
            configuration,
            fallback: fallback
        )
    }

    private static func install(
        on channel: any Channel,
        _ start: LinkHandler.Start,
        tls: (TLSContext, TLSSession.Role)?,
        _ configuration: LinkConfiguration,
        fallback: LinkHandler.Fallback?
    ) -> EventLoopFuture<Link> {
        guard channel.eventLoop.inEventLoop else {
            return channel.eventLoop.flatSubmit {
                self.install(on: channel, start, tls: tls, configuration, fallback: fallback)
            }
        }
        let promise = channel.eventLoop.makePromise(of: Link.self)
        self.tune(channel, configuration)
        let link = Link(channel: channel, configuration: configuration)
        do {
            let pipeline = channel.pipeline.syncOperations
            // From above: each is in place before the one below may fire events.
            let handler = LinkHandler(link, start, fallback: fallback, started: promise)
            if let (context, role) = tls {
                let below = TLSHandler(
                    context: context,
                    role: role,
                    handshakeDeadline: configuration.handshakeDeadline
                )
                try pipeline.addHandler(handler)
                try pipeline.addHandler(below, position: .before(handler))
            } else {
                try pipeline.addHandler(handler)
            }
            // A caller that had work to do first may have held reading back.
            try? channel.syncOptions?.setOption(.autoRead, value: true)
        } catch {
            promise.fail(error)
            channel.close(promise: nil)
        }
        return promise.futureResult
    }

    /// Sets what measured best; channels that are no sockets may not know these options.
    private static func tune(_ channel: any Channel, _ configuration: LinkConfiguration) {
        guard let options = channel.syncOptions else { return }
        try? options.setOption(.tcpOption(.tcp_nodelay), value: 1)
        try? options.setOption(
            .writeBufferWaterMark,
            value: .init(low: configuration.writeBatch / 2, high: configuration.writeBatch)
        )
        try? options.setOption(
            .recvAllocator,
            // A channel keeps its buffer: a link that carries a few messages only stays small.
            value: AdaptiveRecvByteBufferAllocator(minimum: 1 << 10, initial: 2 << 10, maximum: 256 << 10)
        )
    }
}
