internal import HTTP2
internal import NIOCore
internal import NIOPosix
internal import TLS

/// Connects to the API server, through the proxy where the cluster has one.
enum ServerDial {
    /// Opens a channel whose tail carries the server's bytes; TLS with the server is the caller's.
    ///
    /// Nothing is read before control returns: the server does not speak first.
    static func connect(
        _ endpoint: ClusterEndpoint,
        on eventLoop: any EventLoop,
        timeout: TimeAmount
    ) -> EventLoopFuture<any Channel> {
        let bootstrap = ClientBootstrap(group: eventLoop)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
        guard let proxy = endpoint.proxy else { return bootstrap.connect(host: endpoint.host, port: endpoint.port) }
        return bootstrap.connect(host: proxy.host, port: proxy.port)
            .flatMapErrorThrowing { error in
                throw ProxyError(message: "the proxy \(proxy.url) cannot be reached (\(error))")
            }
            .flatMap { channel in
                let opened = eventLoop.makePromise(of: Void.self)
                let late = eventLoop.scheduleTask(in: timeout) {
                    opened.fail(ProxyError(message: "the proxy \(proxy.url) does not answer"))
                }
                do {
                    let pipeline = channel.pipeline.syncOperations
                    if proxy.kind == .https {
                        let context = try TLSContext.client(trust: .system, identity: nil, alpn: ["http/1.1"])
                        try pipeline.addHandler(TLSHandler(context: context, role: .client(serverName: proxy.host)))
                    }
                    let machine = ProxyMachine(proxy, host: endpoint.host, port: endpoint.port)
                    try pipeline.addHandler(ProxyHandler(machine, opened: opened))
                } catch {
                    opened.fail(error)
                }
                return opened.futureResult.map {
                    late.cancel()
                    return channel
                }.flatMapErrorThrowing { error in
                    late.cancel()
                    channel.close(promise: nil)
                    throw error as? ProxyError ?? ProxyError(message: "the proxy \(proxy.url) failed (\(error))")
                }
            }
    }
}
