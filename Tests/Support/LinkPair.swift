package import HTTP2
package import NIOCore
import NIOPosix
package import TLS

/// Two links joined over loopback: `dialler` called, `listener` answered.
package struct LinkPair: Sendable {
    package let dialler: Link
    package let listener: Link
    private let socket: any Channel

    /// Joins two links; without `tls` in the clear, the dialler as client.
    package static func connect(
        tls: (dialler: TLSContext, listener: TLSContext)? = nil,
        dialler: LinkConfiguration = LinkConfiguration(),
        listener: LinkConfiguration = LinkConfiguration(),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> LinkPair {
        let accepted = group.next().makePromise(of: Link.self)
        let socket = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                let link =
                    if let tls {
                        Link.acceptTLS(on: channel, context: tls.listener, configuration: listener)
                    } else {
                        Link.start(on: channel, role: .server, configuration: listener)
                    }
                link.cascade(to: accepted)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        do {
            let address = socket.localAddress
            let dialled = try await ClientBootstrap(group: group)
                // The other side speaks first: nothing may be read before the link is there.
                .channelOption(.autoRead, value: false)
                .connect(host: "127.0.0.1", port: address?.port ?? 0)
                .flatMap { channel in
                    if let tls {
                        Link.startTLS(
                            on: channel,
                            context: tls.dialler,
                            dialler: "server.test",
                            configuration: dialler
                        )
                    } else {
                        Link.start(on: channel, role: .client, configuration: dialler)
                    }
                }
                .get()
            return LinkPair(dialler: dialled, listener: try await accepted.futureResult.get(), socket: socket)
        } catch {
            accepted.fail(error)
            try? await socket.close()
            throw error
        }
    }

    /// Ends both links and the listening socket.
    package func close() async {
        for link in [self.dialler, self.listener] { try? await link.eventLoop.submit { link.close() }.get() }
        try? await self.socket.close()
    }
}
