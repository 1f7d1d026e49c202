import Actor
import Call
import Glibc
import HTTP2
import Kernel
import Logging
import Message
import NIOCore
import NIOPosix
import Synchronization

/// The virtual interface of host mode: made by the root daemon, which undoes it when this link to it goes.
final class HostDevice: WorkstationDevice {
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let socket: String
    private let current = Mutex<Link?>(nil)

    /// The root daemon's socket is the one that `TELEPRESENCE_ROOTD_SOCKET` names, else the machine's.
    init(eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        self.logger = logger
        socket = getenv("TELEPRESENCE_ROOTD_SOCKET").map { String(cString: $0) } ?? "/run/telepresence/rootd.sock"
    }

    func open(
        _ request: ConnectRequest,
        facts: SessionFacts,
        routes: [InternetPrefix],
        lost: @escaping @Sendable (String) -> Void
    ) async throws(DaemonFailure) -> DeviceParts {
        let link = try await connect(lost)
        var server = await HostDevice.addresses(ofServer: facts.server)
        for address in HostDevice.directAddresses(facts.cluster) where !server.contains(address) {
            server.append(address)
        }
        let namespaces = [facts.namespace] + facts.cluster.namespaces.filter { $0 != facts.namespace }
        let setup = NetworkSetup(
            interfacePrefix: "tel",
            virtualSubnet: "246.246.0.0/16",
            routes: routes.map(\.description),
            neverProxy: request.neverProxy + server.map { InternetPrefix($0).description },
            dns: DNSSetup(clusterDomain: facts.cluster.clusterDomain, suffixes: [], namespaces: namespaces)
        )
        do {
            let result = try await CallClient(link: link, scheme: "http")
                .unary(RootDaemonCalls.setUp, setup, timeout: .seconds(20))
            let descriptors = try await HostDevice.fetch(result.token, socket)
            return try HostDevice.parts(result, descriptors)
        } catch {
            await close()
            throw DaemonFailure(.failed, "the root daemon cannot set up the network: \(HostDevice.text(error))")
        }
    }

    func update(routes: [InternetPrefix]) async {
        guard let link = current.withLock({ $0 }) else { return }
        do {
            let update = RouteUpdate(routes: routes.map(\.description))
            _ = try await CallClient(link: link, scheme: "http")
                .unary(RootDaemonCalls.updateRoutes, update, timeout: .seconds(20))
        } catch {
            logger.warning("routes not updated", metadata: ["reason": "\(error)"])
        }
    }

    func rootStatus() async -> RootStatus? {
        guard let link = current.withLock({ $0 }) else { return nil }
        return try? await CallClient(link: link, scheme: "http")
            .unary(RootDaemonCalls.status, Empty(), timeout: .seconds(5))
    }

    func close() async {
        let link = current.withLock { current in
            defer { current = nil }
            return current
        }
        guard let link else { return }
        // Waited for: whoever asked for the end finds everything gone. Without an answer, the link's end does it.
        _ = try? await CallClient(link: link, scheme: "http")
            .unary(RootDaemonCalls.tearDown, Empty(), timeout: .seconds(10))
        eventLoop.execute { link.close() }
    }

    private func connect(_ lost: @escaping @Sendable (String) -> Void) async throws(DaemonFailure) -> Link {
        var configuration = LinkConfiguration { [weak self] link in
            link.onClose = { reason in
                guard let self else { return }
                let isCurrent = self.current.withLock { current in
                    guard current === link else { return false }
                    current = nil
                    return true
                }
                if isCurrent { lost("the root daemon has ended") }
            }
        }
        // The other end is on this machine: the kernel tells when it is gone.
        configuration.keepaliveIdle = nil
        let settings = configuration
        let started = eventLoop.makePromise(of: Link.self)
        do {
            _ = try await ClientBootstrap(group: eventLoop)
                .connectTimeout(.seconds(2))
                .channelInitializer { channel in
                    // Before the connection stands: the daemon's first frame comes at once, and nobody must miss it.
                    Link.start(on: channel, role: .client, configuration: settings).cascade(to: started)
                    return channel.eventLoop.makeSucceededVoidFuture()
                }
                .connect(unixDomainSocketPath: socket)
                .get()
            let link = try await started.futureResult.get()
            current.withLock { $0 = link }
            return link
        } catch {
            started.fail(error)
            throw DaemonFailure(.failed, "the root daemon does not answer at \(socket): \(error)")
        }
    }

    /// Fetches the descriptors that belong to a token; blocks a thread of its own.
    private static func fetch(_ token: [UInt8], _ socket: String) async throws -> [Descriptor] {
        try await blocking { () throws(SystemError) in
            let client = try UnixSockets.connect(RootDaemonProgram.descriptorSocket(socket))
            try UnixSockets.send(token, descriptors: [], over: client)
            return try UnixSockets.receive(over: client, capacity: 1).descriptors
        }
    }

    private static func parts(_ result: NetworkSetupResult, _ descriptors: [Descriptor]) throws -> DeviceParts {
        guard descriptors.count == result.descriptors.count, result.descriptors.first == "tun" else {
            throw SystemError("fetch", "descriptors of the root daemon", code: EPROTO)
        }
        func kind(_ wanted: String) -> [Descriptor] {
            zip(result.descriptors, descriptors).filter { $0.0 == wanted }.map(\.1)
        }
        return DeviceParts(
            facts: NetworkFacts(interface: result.interface, dnsHook: result.dnsHook, warnings: result.warnings),
            tun: descriptors[0],
            listeners: kind("listener"),
            nameDatagrams: kind("dns-udp"),
            nameStreams: kind("dns-tcp"),
            upstream: kind("upstream"),
            nameservers: result.nameservers.compactMap { InternetAddress($0) }
        )
    }

    /// The addresses at which the manager is published: direct links must not run through the interface.
    static func directAddresses(_ cluster: ClusterInfo) -> [InternetAddress] {
        cluster.directAddresses.compactMap { DirectAddress($0).flatMap { InternetAddress($0.host) } }
    }

    /// The addresses of the API server, which must never be routed into the tunnel that runs over it.
    private static func addresses(ofServer url: String) async -> [InternetAddress] {
        let words = url.split(separator: "/")
        guard var host = words.first?.hasSuffix(":") == true ? words.dropFirst().first : words.first else { return [] }
        if host.first == "[" {
            host = host.dropFirst().prefix { $0 != "]" }
        } else if let colon = host.lastIndex(of: ":") {
            host = host[..<colon]
        }
        if let address = InternetAddress(host) { return [address] }
        let name = String(host)
        return (try? await blocking { () throws(SystemError) in HostDevice.resolve(name) }) ?? []
    }

    private static func resolve(_ name: String) -> [InternetAddress] {
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(name, nil, nil, &list) == 0 else { return [] }
        defer { freeaddrinfo(list) }
        var found: [InternetAddress] = []
        var next = list
        while let entry = next?.pointee {
            var storage = sockaddr_storage()
            if let address = entry.ai_addr, Int(entry.ai_addrlen) <= MemoryLayout<sockaddr_storage>.size {
                memcpy(&storage, address, Int(entry.ai_addrlen))
                if let end = InternetEndpoint(&storage, length: entry.ai_addrlen), !found.contains(end.address) {
                    found.append(end.address)
                }
            }
            next = entry.ai_next
        }
        return found
    }

    /// Runs something that blocks on a thread of its own.
    private static func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () throws(SystemError) -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            do throws(SystemError) {
                _ = try DedicatedThread.start {
                    do throws(SystemError) {
                        continuation.resume(returning: try body())
                    } catch {
                        continuation.resume(throwing: error)
                    }
                }
            } catch {
                continuation.resume(throwing: error)
            }
        }
    }

    private static func text(_ error: any Error) -> String {
        (error as? CallStatus)?.message ?? "\(error)"
    }
}
