import Kernel
import Synchronization
import TLS

/// Where the API server can be reached: at an address of this machine, and at the node's for the pods.
///
/// Concurrency model: any task; restarts come one after the other.
final class APIFrontend: Sendable {
    /// The port outside.
    let port: Int
    private let server: APIServer
    private let host: String
    private let tls: TLSContext
    private let network: NodeNetwork
    private let listeners: Mutex<[APIListener]>

    private init(
        _ server: APIServer,
        host: String,
        tls: TLSContext,
        network: NodeNetwork,
        listeners: [APIListener]
    ) {
        self.server = server
        self.host = host
        self.tls = tls
        self.network = network
        self.port = listeners.first?.port ?? 0
        self.listeners = Mutex(listeners)
    }

    /// Listens at both; port 0 takes a free one outside.
    static func start(
        _ server: APIServer,
        host: String,
        port: Int,
        tls: TLSContext,
        network: NodeNetwork
    ) async throws -> APIFrontend {
        let listeners = try await self.listen(server, host, port, tls, network)
        return APIFrontend(server, host: host, tls: tls, network: network, listeners: listeners)
    }

    private static func listen(
        _ server: APIServer,
        _ host: String,
        _ port: Int,
        _ tls: TLSContext,
        _ network: NodeNetwork
    ) async throws -> [APIListener] {
        let outer = try await APIListener.start(server: server, host: host, port: port, tls: tls)
        let socket = try network.namespace.listenTCP(InternetEndpoint(NodeNetwork.node, port: 6443))
        try socket.setNonBlocking(true)
        let inner = try await APIListener.start(
            server: server,
            host: NodeNetwork.node.description,
            port: 6443,
            tls: tls,
            socket: socket.take()
        )
        return [outer, inner]
    }

    /// Ends every connection, stays away for some time, and listens again on the same ports.
    func restart(downtime: Duration) async throws {
        let old = self.listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for listener in old { await listener.close() }
        try? await Task.sleep(for: downtime)
        let deadline = ContinuousClock.now + .seconds(5)
        while true {
            do {
                let fresh = try await Self.listen(self.server, self.host, self.port, self.tls, self.network)
                return self.listeners.withLock { $0 = fresh }
            } catch {
                // The kernel may need a moment to give the port up.
                guard ContinuousClock.now < deadline else { throw error }
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
