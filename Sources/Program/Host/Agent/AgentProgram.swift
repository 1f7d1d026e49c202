import Actor
import Cluster
import Glibc
import HTTP2
import Kernel
package import Logging
import Message
import NIOCore
import NIOPosix
import TLS

/// `traffic agent`: the sidecar in a pod.
package enum AgentProgram {
    /// Runs until SIGTERM.
    ///
    /// Returns the exit status.
    ///
    /// Everything it needs is in the environment: `TELEPRESENCE_AGENT_CONFIG` and the variables of `AgentEnvironment`.
    package static func main(_ arguments: [String], logger: Logger) async -> Int32 {
        guard arguments.isEmpty else {
            logger.error("agent takes no arguments", metadata: ["arguments": "\(arguments)"])
            return 64
        }
        do {
            try await run(ProgramEnvironment.current, logger: logger)
            return 0
        } catch {
            logger.error("the agent cannot serve", metadata: ["reason": "\(error)"])
            return 1
        }
    }

    /// How long a pod's readiness waits for the manager's word.
    private static let synchronisationLimit = Duration.seconds(3)

    /// A reason why the agent cannot start.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private static func run(_ environment: [String: String], logger: Logger) async throws {
        DescriptorLimit.prepare()
        func required(_ name: String) throws -> String {
            guard let value = environment[name], !value.isEmpty else {
                throw Problem(description: "\(name) is not set")
            }
            return value
        }
        let config = try AgentConfig(json: required(AgentConfig.environmentName))
        let podIP = try required(AgentEnvironment.podAddress)
        let credential = try SessionCredential(authorities: Array(required(AgentEnvironment.managerCA).utf8))
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let board = StatusBoard(kind: "traffic-agent", name: environment[AgentEnvironment.podName] ?? "")
        let dialBack = AgentDialBack(
            eventLoop: eventLoop,
            host: config.managerHost,
            port: config.managerPort,
            serverName: config.managerHost,
            credential: credential,
            service: StatusService(board: board, access: OwnersAccess(.own)),
            logger: logger
        )
        let link = AgentLink(
            eventLoop: eventLoop,
            host: config.managerHost,
            port: config.managerPort,
            serverName: config.managerHost,
            credential: credential,
            tokenPath: AgentEnvironment.tokenDirectory + "/token",
            hello: hello(config, podIP: podIP, environment: environment),
            dialBack: dialBack,
            logger: logger
        )
        let ports = config.ports.compactMap { AgentRoutes.Port($0) }
        let agent = TrafficAgent(ports: ports, prober: link, executor: eventLoop.executor, logger: logger)
        link.volumes = AgentVolumes(config.containers, agent: agent, link: link, logger: logger)
        link.podPorts = AgentPodPorts(podAddress: podIP, agent: agent, link: link, logger: logger)
        board.add { _, report in
            report.attachments += await agent.statusRows()
            report.join(await link.statusRows())
        }
        let door = DirectDoor(eventLoop: eventLoop, credential: credential, agent: agent, logger: logger)
        let used = Set(config.ports.flatMap { [$0.containerPort, $0.agentPort] })
        if let listener = await door.listen(avoiding: used) {
            link.open(door, port: listener.localAddress?.port ?? 0)
        }
        let probers = probeSources(environment)
        var channels: [any Channel] = []
        for port in config.ports {
            guard let key = AgentRoutes.Port(port) else { continue }
            switch key.transport {
            case .udp:
                let forwarder = UDPForwarder(
                    port: key,
                    appHost: port.isReplaced ? nil : podIP,
                    agent: agent,
                    link: link
                )
                channels.append(try await forwarder.listen(agentPort: port.agentPort))
            case .tcp, .unknown:
                let forwarder = TCPForwarder(
                    port: key,
                    appHost: port.isReplaced ? nil : podIP,
                    agent: agent,
                    link: link,
                    alwaysToApp: probers,
                    tls: port.tls,
                    tlsProblem: port.tlsProblem,
                    logger: logger
                )
                channels.append(try await forwarder.listen(agentPort: port.agentPort))
            }
            logger.info(
                "serving",
                metadata: ["port": "\(port.containerPort)/\(port.transport)", "on": "\(port.agentPort)"]
            )
        }
        // The listeners are there: from here on nothing that is redirected is refused.
        let redirects = try redirect(environment, logger)
        defer { redirects?.close() }
        let drain = AgentDrain(
            agent: agent,
            link: link,
            appHost: podIP,
            appPorts: config.ports.filter { $0.transport == "tcp" && !$0.isReplaced }
                .map { UInt16(clamping: $0.containerPort) }
        )
        let listeners = channels
        let (told, synchronised) = AsyncStream.makeStream(of: Void.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await link.run(agent) { synchronised.finish() } }
            group.addTask { await IdlePages(agent: agent, link: link).run() }
            group.addTask {
                await Signals(SIGTERM, SIGINT).first()
                logger.info("draining")
                await drain.run(readyFile: config.readyFile, listeners: listeners)
            }
            // A pod that joins an intercepted workload gets no traffic before it knows where that is to go; but a manager
            // that does not answer holds no pod back.
            let alarm = Task {
                try? await Task.sleep(for: synchronisationLimit)
                synchronised.finish()
            }
            for await _ in told {}
            alarm.cancel()
            // An ephemeral container may have no place for the file, and no probe that looks for it.
            do {
                try ready(config.readyFile)
            } catch  where redirects != nil {}
            _ = try await group.next()
            group.cancelAll()
        }
        logger.info("ending")
    }

    /// In an ephemeral container no init container can redirect the ports: the agent does it, for as long as it lives.
    private static func redirect(_ environment: [String: String], _ logger: Logger) throws -> FilterTable? {
        guard let text = environment[Cluster.PortRedirect.environmentName], !text.isEmpty else { return nil }
        guard let redirects = Cluster.PortRedirect.parse(text) else {
            throw Problem(description: "\(Cluster.PortRedirect.environmentName) is wrong: \(text)")
        }
        let table = try FilterTable.redirecting(
            redirects.map { redirect in
                Kernel.PortRedirect(
                    redirect.transport == "udp" ? .udp : .tcp,
                    from: UInt16(clamping: redirect.from),
                    to: UInt16(clamping: redirect.to)
                )
            }
        )
        logger.info("redirected", metadata: ["ports": "\(text)"])
        return table
    }

    /// The addresses from which an ephemeral agent gets the kubelet's probes, which are for the app: the node's, and that of its
    /// end of the pod's network.
    private static func probeSources(_ environment: [String: String]) -> Set<String> {
        guard let host = environment[AgentEnvironment.hostAddress], !host.isEmpty else { return [] }
        var sources: Set<String> = [host]
        let routes = FileContents.read("/proc/net/route").map { String(decoding: $0, as: UTF8.self) }
        for line in (routes ?? "").split(separator: "\n").dropFirst() {
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count > 2, fields[1] == "00000000", let gateway = UInt32(fields[2], radix: 16) else {
                continue
            }
            // As the kernel prints it: in the machine's own byte order.
            sources.insert(withUnsafeBytes(of: gateway) { $0.map(String.init).joined(separator: ".") })
        }
        return sources
    }

    private static func hello(_ config: AgentConfig, podIP: String, environment: [String: String]) -> AgentHello {
        let variables = AppEnvironment.read(environment, containers: config.containers)
        var hello = AgentHello()
        hello.workloadKind = config.workloadKind
        hello.workloadName = config.workloadName
        hello.namespace = config.namespace
        hello.podName = environment[AgentEnvironment.podName] ?? ""
        hello.podIP = podIP
        hello.replacedContainers = config.replacedContainers
        hello.containers = config.containers.map { container in
            var info = ContainerInfo()
            info.name = container.name
            info.environment = variables[container.name] ?? [:]
            info.mounts = container.mounts
            info.localMounts = container.localMounts
            if !container.mounts.isEmpty { info.mountError = VolumeServer.problem() ?? "" }
            return info
        }
        hello.ports = config.ports.flatMap { port in
            let services = port.services.isEmpty ? [nil] : port.services.map(Optional.some)
            return services.map { service in
                var entry = AgentPort()
                entry.container = port.container
                entry.containerPort = UInt16(clamping: port.containerPort)
                entry.agentPort = UInt16(clamping: port.agentPort)
                entry.protocol = port.transport == "udp" ? .udp : .tcp
                entry.portName = port.name ?? ""
                entry.serviceName = service?.service ?? ""
                entry.servicePortName = service?.name ?? ""
                entry.servicePort = UInt16(clamping: service?.port ?? 0)
                return entry
            }
        }
        return hello
    }

    /// Makes the file that the readiness probe looks for.
    private static func ready(_ path: String) throws {
        let directory = path.split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
        mkdir(directory, 0o755)
        let descriptor = open(path, O_WRONLY | O_CREAT, 0o644)
        guard descriptor >= 0 else {
            throw Problem(description: "\(path) cannot be made: \(String(cString: strerror(errno)))")
        }
        close(descriptor)
    }
}

extension AgentRoutes.Port {
    init?(_ port: AgentConfig.Port) {
        guard let number = UInt16(exactly: port.containerPort) else { return nil }
        self.init(number: number, transport: port.transport == "udp" ? .udp : .tcp)
    }
}
