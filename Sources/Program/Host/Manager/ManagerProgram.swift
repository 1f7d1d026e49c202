import Actor
import Cluster
import Kernel
package import Logging
import Message
import NIOCore
import NIOPosix
import TLS

/// `traffic manager`: the one Deployment in the cluster that workstations and agents dial.
package enum ManagerProgram {
    /// The version of the programs that run in the cluster.
    package static let version = ProductVersion.text
    /// Where participants and the API server find it.
    private static let apiPort = 8081
    private static let webhookPort = 8443
    /// How long open tunnels may go on after SIGTERM.
    private static let drainTime = Duration.seconds(2)

    /// A reason why the manager cannot serve.
    private struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// Runs until SIGTERM.
    ///
    /// Returns the exit status.
    ///
    /// Everything it needs is in the environment (`k8s/base/deployment.yaml`) and the service account's files.
    package static func main(_ arguments: [String], logger: Logger) async -> Int32 {
        guard arguments.isEmpty else {
            logger.error("manager takes no arguments", metadata: ["arguments": "\(arguments)"])
            return 64
        }
        do {
            try await run(ProgramEnvironment.current, logger: logger)
            return 0
        } catch {
            logger.error("the manager cannot serve", metadata: ["reason": "\(error)"])
            return 1
        }
    }

    private static func run(_ environment: [String: String], logger: Logger) async throws {
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let access = try ClusterAccess.inCluster(environment: environment)
        let api = APIConnection(access: access, eventLoop: eventLoop)
        defer { api.close() }
        let namespace = environment["TELEPRESENCE_POD_NAMESPACE"].flatMap { $0.isEmpty ? nil : $0 } ?? access.namespace
        let resolver = PodResolver(text(of: "/etc/resolv.conf"))
        let cluster = KubernetesCluster(
            api: api,
            resolver: resolver,
            subnets: SubnetFinder(
                api: api,
                namespace: namespace,
                serverAddress: environment["KUBERNETES_SERVICE_HOST"] ?? "",
                strategy: try PodSubnetStrategy(environment: environment)
            ),
            direct: try DirectAddressFinder(api: api, namespace: namespace, environment: environment)
        )
        let authority = try await ManagerAuthority.load(api, namespace: namespace)
        if !authority.isKept {
            logger.warning("the authority cannot be kept in a Secret: clients must learn a new one after a restart")
        }
        let identity = try authority.identity(namespace: namespace, clusterDomain: resolver.clusterDomain)
        let manager = TrafficManager(cluster: cluster, judge: OpenJudge(), version: ProductVersion.text, logger: logger)
        let server = try await ManagerServer.make(
            manager: manager,
            identity: identity,
            eventLoop: eventLoop,
            logger: logger
        )
        let webhook = WebhookHandler(
            api: api,
            manager: manager,
            injector: Injector(settings: settings(environment, authority, namespace: namespace)),
            logger: logger
        )
        let admission = try AdmissionServer(group: eventLoop, identity: identity, logger: logger) { request in
            try await webhook.answer(request)
        }
        let address = try await listen(webhookPort) { host, port in
            try await admission.start(host: host, port: port)
        }
        // Whoever reads the certificate may dial at once.
        let socket = try await listen(apiPort) { host, port in
            try await server.listen(host: host, port: port)
        }
        try await authority.publish(api, namespace: namespace)
        let webhookName = environment["TELEPRESENCE_WEBHOOK_NAME"].flatMap { $0.isEmpty ? nil : $0 }
        logger.info(
            "serving",
            metadata: ["version": "\(ProductVersion.text)", "api": "\(apiPort)", "webhook": "\(address.port ?? 0)"]
        )
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Termination.signalled() }
            group.addTask { await maintain(manager, api, authority, webhookName: webhookName, logger) }
            await group.next()
            group.cancelAll()
        }
        logger.info("ending")
        try? await socket.close()
        await admission.stop()
        await server.drain()
        try? await Task.sleep(for: drainTime)
    }

    /// What is to be done now and then: old sessions, the cluster's subnets, the webhook's certificate.
    private static func maintain(
        _ manager: TrafficManager,
        _ api: APIConnection,
        _ authority: ManagerAuthority,
        webhookName: String?,
        _ logger: Logger
    ) async {
        while !Task.isCancelled {
            do throws(APIError) {
                try await authority.register(api, name: webhookName ?? WebhookRegistration.name)
            } catch {
                logger.warning("the webhook is not registered", metadata: ["error": "\(error)"])
            }
            await manager.expire()
            await manager.refreshClusterInfo()
            try? await Task.sleep(for: .seconds(5))
        }
    }

    /// Listens on all addresses, of both families where there are both.
    private static func listen<Result>(
        _ port: Int,
        _ body: (String, Int) async throws -> Result
    ) async throws -> Result {
        if let both = try? await body("::", port) { return both }
        do {
            return try await body("0.0.0.0", port)
        } catch {
            throw Problem(description: "port \(port) cannot be used: \(error)")
        }
    }

    private static func settings(
        _ environment: [String: String],
        _ authority: ManagerAuthority,
        namespace: String
    ) -> InjectorSettings {
        var settings = InjectorSettings(
            agentImage: environment["TELEPRESENCE_AGENT_IMAGE"] ?? "telepresence/traffic:\(ProductVersion.text)",
            managerHost: "traffic-manager.\(namespace).svc",
            managerPort: apiPort,
            managerCA: String(decoding: authority.authority.certificatePEM, as: UTF8.self)
        )
        let level = environment["TELEPRESENCE_AGENT_LOG_LEVEL"] ?? environment["TELEPRESENCE_LOG_LEVEL"]
        if let level, !level.isEmpty { settings.logLevel = level }
        if let policy = environment["TELEPRESENCE_AGENT_IMAGE_PULL_POLICY"], !policy.isEmpty {
            settings.imagePullPolicy = policy
        }
        return settings
    }

    private static func text(of path: String) -> String {
        FileContents.read(path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
