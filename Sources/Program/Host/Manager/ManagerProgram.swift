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
    /// Names of variables that no workstation gets, separated by commas.
    private static let excludedName = "TELEPRESENCE_ENVIRONMENT_EXCLUDED"
    /// `false`: nobody may take all requests of a port.
    private static let globalName = "TELEPRESENCE_ALLOW_GLOBAL_INTERCEPTS"
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

    private static func allowsGlobal(_ environment: [String: String]) throws -> Bool {
        switch environment[globalName] ?? "" {
        case "", "true": return true
        case "false": return false
        case let text: throw Problem(description: "\(globalName) is \"\(text)\": it is true or false")
        }
    }

    private static func run(_ environment: [String: String], logger: Logger) async throws {
        DescriptorLimit.prepare()
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let access = try ClusterAccess.inCluster(environment: environment)
        let api = APIConnection(access: access, eventLoop: eventLoop)
        defer { api.close() }
        let namespace = environment["TELEPRESENCE_POD_NAMESPACE"].flatMap { $0.isEmpty ? nil : $0 } ?? access.namespace
        let resolver = PodResolver(text(of: "/etc/resolv.conf"))
        let authority = try await ManagerAuthority.load(api, namespace: namespace, now: CredentialKeeper.now)
        if !authority.isKept {
            logger.warning("the authority cannot be kept in a Secret: clients must learn a new one after a restart")
        }
        let credentials = try await credentials(api, authority, environment, namespace, resolver, logger)
        let version = (try? await api.serverVersion()) ?? ""
        let policies = try mountPolicies(environment)
        // Made anew for each pod, since the authority is renewed now and then.
        let injector: @Sendable () -> Injector = {
            var settings = settings(environment, credentials.authority, namespace: namespace, version: version)
            settings.mountPolicies = policies
            return Injector(settings: settings)
        }
        let cluster = KubernetesCluster(
            api: api,
            resolver: resolver,
            subnets: SubnetFinder(
                api: api,
                namespace: namespace,
                serverAddress: environment["KUBERNETES_SERVICE_HOST"] ?? "",
                strategy: try PodSubnetStrategy(environment: environment)
            ),
            direct: try DirectAddressFinder(api: api, namespace: namespace, environment: environment),
            namespace: namespace,
            webhook: WebhookRegistration.name(environment["TELEPRESENCE_WEBHOOK_NAME"]),
            ephemeral: EphemeralAgents(injector: injector)
        )
        let keeper = CredentialKeeper(api: api, namespace: namespace, credentials: credentials, logger: logger)
        let mode = try authenticationMode(environment)
        logger.log(level: mode == .enforcing ? .info : .warning, "authentication", metadata: ["mode": "\(mode)"])
        let judge = ClusterJudge(reviews: api, mode: mode, namespace: namespace, audit: logger)
        let manager = TrafficManager(
            cluster: cluster,
            judge: judge,
            version: ProductVersion.text,
            excludedVariables: names(environment[excludedName]),
            allowsGlobal: try allowsGlobal(environment),
            logger: logger
        )
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
            injector: injector,
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
        health.readiness.set(nil)
        logger.info(
            "serving",
            metadata: ["version": "\(ProductVersion.text)", "api": "\(apiPort)", "webhook": "\(address.port ?? 0)"]
        )
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Signals(SIGTERM, SIGINT).first() }
            group.addTask { await maintain(manager, api, credentials, webhook: cluster.webhook, logger) }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: credentialLook)
                    await keeper.refresh { try admission.use($0) }
                }
            }
            group.addTask {
                await ClusterFactsWatch(api: api, namespace: namespace).run(settle: .milliseconds(100)) {
                    await manager.refreshClusterInfo()
                }
            }
            group.addTask { await cluster.followAgentPods { await manager.take($0) } }
            group.addTask { await watchInjection(manager, cluster, idle: idleLimit(environment, logger)) }
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

    /// What is to be done now and then: old sessions, the webhook's certificate.
    private static func maintain(
        _ manager: TrafficManager,
        _ api: APIConnection,
        _ credentials: ManagerCredentials,
        webhook: String?,
        _ logger: Logger
    ) async {
        while !Task.isCancelled {
            do throws(APIError) {
                if let webhook { try await credentials.authority.register(api, name: webhook) }
            } catch {
                logger.warning("the webhook is not registered", metadata: ["error": "\(error)"])
            }
            await manager.expire()
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

    private static func names(_ text: String?) -> Set<String> {
        Set((text ?? "").split(whereSeparator: { $0 == "," || $0.isWhitespace }).map(String.init))
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

    /// What is to be done now and then for agents: the webhook's test, pods that were left half replaced, agents without work.
    private static func watchInjection(
        _ manager: TrafficManager,
        _ cluster: KubernetesCluster,
        idle: Duration?
    ) async {
        var round = 0
        while !Task.isCancelled {
            // A minute while all is well, sooner while it is not.
            if cluster.webhook != nil {
                let isWell = await manager.webhookProblem.isEmpty
                if round % 12 == 0 || !isWell { await manager.testWebhook() }
            }
            if round % 12 == 0 { await cluster.tidyUp() }
            await manager.mendReplacedPods(after: .seconds(60))
            if let idle { await manager.removeIdleAgents(after: idle) }
            round += 1
            try? await Task.sleep(for: .seconds(round == 1 ? 1 : min(5, (idle ?? .seconds(5)) / .seconds(1))))
        }
    }

    /// How long agents may be idle: `TELEPRESENCE_AGENT_IDLE`, in seconds or as `90s`, `15m`, `24h`; nil for ever.
    static func idleLimit(_ environment: [String: String], _ logger: Logger) -> Duration? {
        guard let text = environment["TELEPRESENCE_AGENT_IDLE"], !text.isEmpty else { return nil }
        let unit: Int64? =
            switch text.last {
            case "s": 1
            case "m": 60
            case "h": 3600
            default: text.last?.isNumber == true ? 1 : nil
            }
        let digits = text.last?.isNumber == true ? text[...] : text.dropLast()
        guard let unit, let number = Int64(digits), 0...1_000_000 ~= number else {
            logger.error(
                "TELEPRESENCE_AGENT_IDLE must be a number with s, m or h, such as 24h",
                metadata: ["value": "\(text)"]
            )
            return nil
        }
        return number == 0 ? nil : .seconds(number * unit)
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
        namespace: String,
        version: String
    ) -> InjectorSettings {
        var settings = InjectorSettings(
            agentImage: environment["TELEPRESENCE_AGENT_IMAGE"] ?? "telepresence/traffic:\(ProductVersion.text)",
            managerHost: "traffic-manager.\(namespace).svc",
            managerPort: apiPort,
            managerCA: String(decoding: authority.bundle, as: UTF8.self),
            nativeSidecars: NativeSidecars(serverVersion: version)
        )
        let level = environment["TELEPRESENCE_AGENT_LOG_LEVEL"] ?? environment["TELEPRESENCE_LOG_LEVEL"]
        if let level, !level.isEmpty { settings.logLevel = level }
        if let policy = environment["TELEPRESENCE_AGENT_IMAGE_PULL_POLICY"], !policy.isEmpty {
            settings.imagePullPolicy = policy
        }
        return settings
    }

    /// What the administrator says of pods' volumes: a JSON object of policies by volume or path.
    private static func mountPolicies(_ environment: [String: String]) throws -> MountPolicies.Rules {
        guard let text = environment["TELEPRESENCE_AGENT_MOUNT_POLICIES"], !text.isEmpty else { return [:] }
        switch MountPolicies.parse(text) {
        case .success(let rules): return rules
        case .failure(let problem):
            throw Problem(description: "TELEPRESENCE_AGENT_MOUNT_POLICIES is wrong: \(problem.text)")
        }
    }

    private static func text(of path: String) -> String {
        FileContents.read(path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
