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
    /// How long connections are taken after SIGTERM.
    private static let lateTime = Duration.seconds(1)
    /// How long open connections may go on after that.
    private static let drainTime = Duration.seconds(10)

    /// A reason why the agent cannot start.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    private static func run(_ environment: [String: String], logger: Logger) async throws {
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
        board.add { _, report in
            report.attachments += await agent.statusRows()
            report.join(await link.statusRows())
        }
        let door = DirectDoor(eventLoop: eventLoop, credential: credential, agent: agent, logger: logger)
        let used = Set(config.ports.flatMap { [$0.containerPort, $0.agentPort] })
        if let listener = await door.listen(avoiding: used) {
            link.open(door, port: listener.localAddress?.port ?? 0)
        }
        var channels: [any Channel] = []
        for port in config.ports {
            guard let key = AgentRoutes.Port(port) else { continue }
            switch key.transport {
            case .udp:
                let forwarder = UDPForwarder(port: key, appHost: podIP, agent: agent, link: link)
                channels.append(try await forwarder.listen(agentPort: port.agentPort))
            case .tcp, .unknown:
                let forwarder = TCPForwarder(port: key, appHost: podIP, agent: agent, link: link)
                channels.append(try await forwarder.listen(agentPort: port.agentPort))
            }
            logger.info(
                "serving",
                metadata: ["port": "\(port.containerPort)/\(port.transport)", "on": "\(port.agentPort)"]
            )
        }
        let (told, synchronised) = AsyncStream.makeStream(of: Void.self)
        let running = Task { await link.run(agent) { synchronised.finish() } }
        // A pod that joins an intercepted workload gets no traffic before it knows where that is to go; but a manager
        // that does not answer holds no pod back.
        let alarm = Task {
            try? await Task.sleep(for: synchronisationLimit)
            synchronised.finish()
        }
        for await _ in told {}
        alarm.cancel()
        try ready(config.readyFile)
        await Termination.signalled()
        logger.info("ending")
        unlink(config.readyFile)
        await drain(channels, link)
        running.cancel()
        await running.value
    }

    /// Takes connections for a moment longer, as the cluster learns late that the pod is going, then none; those that are
    /// open may end by themselves, up to a limit.
    private static func drain(_ channels: [any Channel], _ link: AgentLink) async {
        try? await Task.sleep(for: lateTime)
        for channel in channels { try? await channel.close() }
        let end = ContinuousClock.now + drainTime
        while ContinuousClock.now < end {
            let open = try? await link.eventLoop.submit { link.counts.open }.get()
            guard let open, open > 0 else { return }
            try? await Task.sleep(for: .milliseconds(50))
        }
    }

    private static func hello(_ config: AgentConfig, podIP: String, environment: [String: String]) -> AgentHello {
        let variables = AppEnvironment.read(environment, containers: config.containers)
        var hello = AgentHello()
        hello.workloadKind = config.workloadKind
        hello.workloadName = config.workloadName
        hello.namespace = config.namespace
        hello.podName = environment[AgentEnvironment.podName] ?? ""
        hello.podIP = podIP
        hello.containers = config.containers.map { container in
            var info = ContainerInfo()
            info.name = container.name
            info.environment = variables[container.name] ?? [:]
            info.mounts = container.mounts
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
