import Cluster
import Kernel
import NIOCore
import NIOPosix

/// Makes Services of type NodePort and LoadBalancer reachable at an address of this machine: what a load balancer and the way to
/// the node are to a real cluster.
///
/// Every port is a listener that joins each connection to the node port in the node's namespace. UDP is not published.
///
/// Concurrency model: an actor; one task follows the Services.
actor ServicePublisher {
    /// One port that is to be open.
    private struct Entry: Hashable {
        let port: Int
        let nodePort: Int
    }

    private let node: NodeContext
    private let address: String
    private let events: EventRecorder
    private var listeners: [Entry: any Channel] = [:]
    /// Why ports could not be opened.
    private var refused: [Entry: String] = [:]

    init(node: NodeContext, address: String) {
        self.node = node
        self.address = address
        self.events = EventRecorder(store: node.store, component: "service-controller")
    }

    /// Works until its task is cancelled.
    func run() async {
        for await event in self.node.store.watch(.services) {
            if let previous = event.previous, event.change == .modified, previous["spec"] == event.object["spec"] {
                continue
            }
            await self.settle()
        }
        for channel in self.listeners.values { channel.close(promise: nil) }
    }

    /// The ports of a Service that are to be open.
    private static func entries(_ service: JSONValue) -> [Entry] {
        let type = service.at("spec", "type")?.string ?? ""
        guard ["NodePort", "LoadBalancer"].contains(type), !service.isTerminating else { return [] }
        return (service.at("spec", "ports")?.array ?? []).flatMap { port -> [Entry] in
            guard (port["protocol"]?.string ?? "TCP") == "TCP", let number = port["port"]?.int,
                let nodePort = port["nodePort"]?.int, nodePort > 0
            else { return [] }
            let node = Entry(port: nodePort, nodePort: nodePort)
            return type == "LoadBalancer" ? [node, Entry(port: number, nodePort: nodePort)] : [node]
        }
    }

    private func settle() async {
        let services = self.node.store.items(.services)
        let wanted = Set(services.flatMap(Self.entries))
        for (entry, channel) in self.listeners where !wanted.contains(entry) {
            self.listeners[entry] = nil
            try? await channel.close().get()
        }
        self.refused = [:]
        for entry in wanted where self.listeners[entry] == nil {
            do {
                self.listeners[entry] = try await self.listen(entry)
            } catch {
                self.refused[entry] = "\(self.address):\(entry.port) could not be opened: \(error)"
            }
        }
        for service in services { self.report(service) }
    }

    private func report(_ service: JSONValue) {
        let entries = Self.entries(service)
        for entry in entries {
            guard let why = self.refused[entry] else { continue }
            self.events.record(service, "SyncLoadBalancerFailed", "Error syncing load balancer: \(why)", warning: true)
        }
        let balanced =
            service.at("spec", "type")?.string == "LoadBalancer"
            && entries.contains { self.listeners[$0] != nil && $0.port != $0.nodePort }
        let ingress: JSONValue? = balanced ? [["ip": .string(self.address), "ipMode": "VIP"]] : nil
        guard service.at("status", "loadBalancer", "ingress") != ingress else { return }
        _ = try? self.node.store.update(
            .services,
            namespace: service.namespace,
            name: service.name,
            part: .status
        ) { old in
            guard old.uid == service.uid else { return old }
            var new = old
            new.set("status", "loadBalancer", to: .emptyObject)
            if let ingress { new.set("status", "loadBalancer", "ingress", to: ingress) }
            return new
        }
        if balanced { self.events.record(service, "EnsuredLoadBalancer", "Ensured load balancer") }
    }

    private func listen(_ entry: Entry) async throws -> any Channel {
        let node = self.node
        return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024).serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1).childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: Relay.waterMark)
            .childChannelOption(.recvAllocator, value: Relay.allocator)
            .childChannelInitializer { channel in
                channel.eventLoop.makeFutureWithTask { () throws -> CInt in try await Self.dial(node, entry.nodePort) }
                    .flatMap { descriptor in
                        ClientBootstrap(group: channel.eventLoop).channelOption(.autoRead, value: false)
                            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                            .channelOption(.allowRemoteHalfClosure, value: true)
                            .channelOption(.writeBufferWaterMark, value: Relay.waterMark)
                            .channelOption(.recvAllocator, value: Relay.allocator)
                            .withConnectedSocket(descriptor)
                    }
                    .flatMapThrowing { far in try Relay.join(channel, far) }
            }
            .bind(host: self.address, port: entry.port).get()
    }

    /// Connects to a port of the node, in its namespace.
    private static func dial(_ node: NodeContext, _ port: Int) async throws -> CInt {
        let network = node.network
        guard let number = UInt16(exactly: port) else { throw ChannelError.ioOnClosedChannel }
        let result = await node.blocking { () -> Result<CInt, SystemError> in
            do throws(SystemError) {
                let socket = try network.namespace.connectTCP(
                    InternetEndpoint(NodeNetwork.node, port: number),
                    timeoutMilliseconds: 5000
                )
                try socket.setNonBlocking(true)
                return .success(socket.take())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
