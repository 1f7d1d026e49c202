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
    /// `enforcing`, `permissive` or `disabled`.
    private static let modeName = "TELEPRESENCE_AUTHENTICATION_MODE"
    /// How long a participant's certificate is valid, in seconds.
    private static let lifetimeName = "TELEPRESENCE_CERTIFICATE_LIFETIME"
    /// How often it is looked whether certificates have to be renewed or have been replaced.
    private static let credentialLook = Duration.seconds(60)
    /// How long open tunnels may go on after SIGTERM; the next manager starts only after that.
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
        let authority = try await ManagerAuthority.load(api, namespace: namespace, now: CredentialKeeper.now)
        if !authority.isKept {
            logger.warning("the authority cannot be kept in a Secret: clients must learn a new one after a restart")
        }
        let credentials = try await credentials(api, authority, environment, namespace, resolver, logger)
        let keeper = CredentialKeeper(api: api, namespace: namespace, credentials: credentials, logger: logger)
        let mode = try authenticationMode(environment)
        logger.log(level: mode == .enforcing ? .info : .warning, "authentication", metadata: ["mode": "\(mode)"])
        let judge = ClusterJudge(reviews: api, mode: mode, namespace: namespace, audit: logger)
        let manager = TrafficManager(cluster: cluster, judge: judge, version: ProductVersion.text, logger: logger)
        let server = try await ManagerServer.make(
            manager: manager,
            judge: judge,
            credentials: credentials,
            eventLoop: eventLoop,
            name: environment["TELEPRESENCE_POD_NAME"] ?? "",
            logger: logger
        )
        let reviews = RequestCount()
        let health = try await ManagerHealth.start(
            environment,
            metrics: ManagerMetrics(manager: manager, server: server, webhooks: reviews),
            group: eventLoop
        )
        let webhook = WebhookHandler(
            api: api,
            manager: manager,
            injector: {
                Injector(settings: settings(environment, credentials.authority, namespace: namespace))
            },
            logger: logger
        )
        let admission = try AdmissionServer(group: eventLoop, identity: credentials.identity, logger: logger) {
            request in
            try await reviews.during { try await webhook.answer(request) }
        }
        let address = try await listen(webhookPort) { host, port in
            try await admission.start(host: host, port: port)
        }
        // Whoever reads the certificate may dial at once.
        let socket = try await listen(apiPort) { host, port in
            try await server.listen(host: host, port: port)
        }
        try await keeper.publish()
        let webhookName = environment["TELEPRESENCE_WEBHOOK_NAME"].flatMap { $0.isEmpty ? nil : $0 }
        health.readiness.set(nil)
        logger.info(
            "serving",
            metadata: ["version": "\(ProductVersion.text)", "api": "\(apiPort)", "webhook": "\(address.port ?? 0)"]
        )
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Termination.signalled() }
            group.addTask { await maintain(manager, api, credentials, webhookName: webhookName, logger) }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: credentialLook)
                    await keeper.refresh { try admission.use($0) }
                }
            }
            await group.next()
            group.cancelAll()
        }
        logger.info("ending")
        // Readiness first: nobody is to be sent here any more.
        health.readiness.set("ending")
        try? await socket.close()
        await server.drain(within: drainTime)
        await admission.stop()
        await health.stop()
    }

    /// What is to be done now and then: old sessions, the cluster's subnets, the webhook's certificate.
    private static func maintain(
        _ manager: TrafficManager,
        _ api: APIConnection,
        _ credentials: ManagerCredentials,
        webhookName: String?,
        _ logger: Logger
    ) async {
        while !Task.isCancelled {
            do throws(APIError) {
                try await credentials.authority.register(api, name: webhookName ?? WebhookRegistration.name)
            } catch {
                logger.warning("the webhook is not registered", metadata: ["error": "\(error)"])
            }
            await manager.expire()
            await manager.refreshClusterInfo()
            try? await Task.sleep(for: .seconds(5))
        }
    }

    /// What the manager shows and issues, and whom it believes.
    private static func credentials(
        _ api: APIConnection,
        _ authority: ManagerAuthority,
        _ environment: [String: String],
        _ namespace: String,
        _ resolver: PodResolver,
        _ logger: Logger
    ) async throws -> ManagerCredentials {
        var lifetime = 3600
        if let text = environment[lifetimeName], !text.isEmpty {
            guard let seconds = Int(text), (10...86_400).contains(seconds) else {
                throw Problem(description: "\(lifetimeName) is \"\(text)\"; seconds between 10 and 86400 are possible")
            }
            lifetime = seconds
        }
        func make(_ cluster: [UInt8]) throws(TLSError) -> ManagerCredentials {
            try ManagerCredentials(
                authority: authority,
                names: ManagerAuthority.names(namespace: namespace, clusterDomain: resolver.clusterDomain),
                clusterAuthorities: cluster,
                lifetime: lifetime,
                now: CredentialKeeper.now
            )
        }
        guard let cluster = await CredentialKeeper.clusterAuthorities(api, logger) else { return try make([]) }
        do throws(TLSError) {
            return try make(cluster)
        } catch {
            logger.warning("client certificates cannot be checked", metadata: ["error": "\(error)"])
            return try make([])
        }
    }

    private static func authenticationMode(_ environment: [String: String]) throws(Problem) -> AuthenticationMode {
        let text = environment[modeName] ?? ""
        guard !text.isEmpty else { return .enforcing }
        guard let mode = AuthenticationMode(rawValue: text) else {
            let modes = AuthenticationMode.allCases.map(\.rawValue).joined(separator: ", ")
            throw Problem(description: "\(modeName) is \"\(text)\"; possible are: \(modes)")
        }
        return mode
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
            managerCA: String(decoding: authority.bundle, as: UTF8.self)
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
