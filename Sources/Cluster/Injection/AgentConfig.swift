/// What an injected agent has to know about its pod: written by ``Injector`` into ``environmentName``, read by the agent.
package struct AgentConfig: Sendable, Hashable {
    /// The environment variable that carries the JSON form.
    package static let environmentName = "TELEPRESENCE_AGENT_CONFIG"

    /// One container of the app.
    package struct Container: Sendable, Hashable {
        package var name: String
        /// The app's variable `X` is the agent's variable `environmentPrefix + X`.
        package var environmentPrefix: String
        /// The app's mount at `P` is mounted at `mountPoint + P` in the agent.
        package var mountPoint: String
        /// The paths of the app's mounts that the agent has, as the app sees them.
        package var mounts: [String]
        /// Those for which the workstation's own files stand.
        package var localMounts: [String]

        package init(
            name: String,
            environmentPrefix: String,
            mountPoint: String,
            mounts: [String],
            localMounts: [String] = []
        ) {
            self.name = name
            self.environmentPrefix = environmentPrefix
            self.mountPoint = mountPoint
            self.mounts = mounts
            self.localMounts = localMounts
        }
    }

    /// One port of the app that the agent stands in front of.
    package struct Port: Sendable, Hashable {
        /// The container that the port belongs to.
        package var container: String
        /// The port's name in the pod's manifest, nil when it has none.
        package var name: String?
        /// `tcp` or `udp`.
        package var transport: String
        /// Where the app listens; the agent dials it on the pod's own address.
        package var containerPort: Int
        /// Where the agent listens.
        package var agentPort: Int
        /// Whether packets to ``containerPort`` from outside the pod are redirected to ``agentPort`` (else: by port name).
        package var redirected: Bool
        /// The service ports that lead here; empty for a port without service.
        package var services: [ServicePort]
        /// Nobody is behind the agent: the container does not run.
        package var isReplaced: Bool
        /// How TLS is ended here; nil where it is passed on as it is.
        package var tls: TLS?
        /// Why TLS is passed on although the pod says how to end it; nil where nothing is wrong.
        package var tlsProblem: String?

        package init(
            container: String,
            name: String?,
            transport: String,
            containerPort: Int,
            agentPort: Int,
            redirected: Bool,
            services: [ServicePort],
            isReplaced: Bool = false,
            tls: TLS? = nil,
            tlsProblem: String? = nil
        ) {
            self.container = container
            self.name = name
            self.transport = transport
            self.containerPort = containerPort
            self.agentPort = agentPort
            self.redirected = redirected
            self.services = services
            self.isReplaced = isReplaced
            self.tls = tls
            self.tlsProblem = tlsProblem
        }
    }

    /// One port of a service that leads to a port of the app.
    package struct ServicePort: Sendable, Hashable {
        package var service: String
        /// The port's name in the service, nil when it has none.
        package var name: String?
        package var port: Int

        package init(service: String, name: String?, port: Int) {
            self.service = service
            self.name = name
            self.port = port
        }
    }

    package var workloadKind: String
    package var workloadName: String
    package var namespace: String
    package var managerHost: String
    package var managerPort: Int
    /// The file that the agent makes once it serves: the readiness probe looks for it.
    package var readyFile: String
    package var containers: [Container]
    package var ports: [Port]
    /// The containers whose place the agent has taken.
    package var replacedContainers: [String]

    package init(
        workloadKind: String,
        workloadName: String,
        namespace: String,
        managerHost: String,
        managerPort: Int,
        readyFile: String,
        containers: [Container],
        ports: [Port],
        replacedContainers: [String] = []
    ) {
        self.workloadKind = workloadKind
        self.workloadName = workloadName
        self.namespace = namespace
        self.managerHost = managerHost
        self.managerPort = managerPort
        self.readyFile = readyFile
        self.containers = containers
        self.ports = ports
        self.replacedContainers = replacedContainers
    }
}

// MARK: - JSON

extension AgentConfig {
    /// Why a configuration could not be read.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        package let problem: String
        package var description: String { "\(AgentConfig.environmentName): \(problem)" }
    }

    /// The JSON form.
    package var json: JSONValue {
        var json: JSONValue = [
            "workloadKind": .string(workloadKind),
            "workloadName": .string(workloadName),
            "namespace": .string(namespace),
            "managerHost": .string(managerHost),
            "managerPort": .integer(Int64(managerPort)),
            "readyFile": .string(readyFile),
            "containers": .array(
                containers.map { container in
                    [
                        "name": .string(container.name),
                        "envPrefix": .string(container.environmentPrefix),
                        "mountPoint": .string(container.mountPoint),
                        "mounts": .array(container.mounts.map { .string($0) }),
                        "localMounts": .array(container.localMounts.map { .string($0) }),
                    ]
                }
            ),
            "ports": .array(ports.map(\.json)),
        ]
        if !replacedContainers.isEmpty {
            json["replacedContainers"] = .array(replacedContainers.map { .string($0) })
        }
        return json
    }

    /// Reads the JSON form; members that are not known are skipped.
    package init(json text: String) throws(Failure) {
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue.parse(text, limits: JSONLimits(size: 1 << 20))
        } catch {
            throw Failure(problem: error.description)
        }
        try self.init(json: json)
    }

    /// Reads the JSON form; members that are not known are skipped.
    package init(json: JSONValue) throws(Failure) {
        workloadKind = try json.text(of: "workloadKind")
        workloadName = try json.text(of: "workloadName")
        namespace = try json.text(of: "namespace")
        managerHost = try json.text(of: "managerHost")
        managerPort = try json.portNumber(of: "managerPort")
        readyFile = try json.text(of: "readyFile")
        containers = []
        for container in json["containers"]?.array ?? [] {
            containers.append(
                Container(
                    name: try container.text(of: "name"),
                    environmentPrefix: try container.text(of: "envPrefix"),
                    mountPoint: try container.text(of: "mountPoint"),
                    mounts: container["mounts"]?.stringArray ?? [],
                    localMounts: container["localMounts"]?.stringArray ?? []
                )
            )
        }
        ports = []
        for port in json["ports"]?.array ?? [] { ports.append(try Port(json: port)) }
        replacedContainers = json["replacedContainers"]?.stringArray ?? []
    }
}

extension AgentConfig.Port {
    fileprivate var json: JSONValue {
        var json: JSONValue = [
            "container": .string(container),
            "protocol": .string(transport),
            "containerPort": .integer(Int64(containerPort)),
            "agentPort": .integer(Int64(agentPort)),
            "redirected": .bool(redirected),
            "services": .array(
                services.map { service in
                    var json: JSONValue = [
                        "service": .string(service.service), "port": .integer(Int64(service.port)),
                    ]
                    json["name"] = service.name.map { .string($0) }
                    return json
                }
            ),
        ]
        json["name"] = name.map { .string($0) }
        if isReplaced { json["replaced"] = true }
        json["tls"] = tls?.json
        json["tlsProblem"] = tlsProblem.map { .string($0) }
        return json
    }

    fileprivate init(json: JSONValue) throws(AgentConfig.Failure) {
        container = try json.text(of: "container")
        name = json["name"]?.string
        transport = try json.text(of: "protocol")
        guard transport == "tcp" || transport == "udp" else {
            throw AgentConfig.Failure(problem: "'protocol' must be tcp or udp, not '\(transport)'")
        }
        containerPort = try json.portNumber(of: "containerPort")
        agentPort = try json.portNumber(of: "agentPort")
        redirected = json["redirected"]?.bool ?? false
        isReplaced = json["replaced"]?.bool ?? false
        tls = AgentConfig.TLS(json: json["tls"])
        tlsProblem = json["tlsProblem"]?.string
        services = []
        for service in json["services"]?.array ?? [] {
            services.append(
                AgentConfig.ServicePort(
                    service: try service.text(of: "service"),
                    name: service["name"]?.string,
                    port: try service.portNumber(of: "port")
                )
            )
        }
    }
}

extension JSONValue {
    fileprivate func text(of name: String) throws(AgentConfig.Failure) -> String {
        guard let text = self[name]?.string else { throw AgentConfig.Failure(problem: "'\(name)' must be a string") }
        return text
    }

    fileprivate func portNumber(of name: String) throws(AgentConfig.Failure) -> Int {
        guard let number = self[name]?.int, 1...65535 ~= number else {
            throw AgentConfig.Failure(problem: "'\(name)' must be a port number")
        }
        return number
    }
}
