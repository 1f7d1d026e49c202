/// Finds the ports of a pod that an agent shall stand in front of: those that services or annotations lead to.
struct TargetPortFinder {
    private let pod: JSONValue
    private let containers: [AppContainer]
    private let replaced: Set<String>
    private(set) var targets: [TargetPort] = []
    private(set) var warnings: [String] = []

    /// - Parameters:
    ///   - pod: the pod.
    ///   - containers: its containers.
    ///   - services: those of its namespace.
    ///   - replaced: the containers whose place the agent takes: all their ports are looked after.
    init(pod: JSONValue, containers: [AppContainer], services: [JSONValue], replaced: Set<String> = []) {
        self.replaced = replaced
        self.pod = pod
        self.containers = containers
        find(in: services)
        findUnserved()
        for container in containers where replaced.contains(container.name) {
            for port in container.ports where ["tcp", "udp"].contains(port.transport) {
                let isFound = targets.contains { $0.transport == port.transport && $0.number == port.number }
                if !isFound { merge(container, port, port.transport, port.number, byNumber: true, nil) }
            }
        }
        shareNames()
    }

    /// Leaves each name to one port: a container can have a name once only, whatever the protocol, and so can the agent's.
    ///
    /// A replaced container's names are in nobody's manifest but the agent's; a port that goes on keeps its name in its own, and is
    /// looked after by its number then.
    private mutating func shareNames() {
        var names = Set(targets.lazy.filter { $0.isReplaced && $0.takesName }.compactMap(\.declared?.name))
        for place in targets.indices where !targets[place].isReplaced && !targets[place].byNumber {
            guard let name = targets[place].declared?.name, !names.insert(name).inserted else { continue }
            targets[place].byNumber = true
        }
    }

    private mutating func find(in services: [JSONValue]) {
        let names = InjectionAnnotations.list(InjectionAnnotations.serviceName, of: pod)
        let ports = InjectionAnnotations.list(InjectionAnnotations.servicePorts, of: pod)
        let labels = pod.at("metadata", "labels")?.stringMap ?? [:]
        var namesFound: Set<String> = []
        var portsFound: Set<String> = []
        for service in services {
            guard let name = service.at("metadata", "name")?.string, let spec = service["spec"] else { continue }
            if let names, !names.contains(name) { continue }
            let selector = spec["selector"]?.stringMap ?? [:]
            guard !selector.isEmpty, selector.allSatisfy({ labels[$0.key] == $0.value }) else { continue }
            guard spec["type"]?.string != "ExternalName" else { continue }
            namesFound.insert(name)
            let headless = spec["clusterIP"]?.string == "None"
            for port in spec["ports"]?.array ?? [] {
                guard let number = port["port"]?.int, 1...65535 ~= number else { continue }
                let portName = port["name"]?.string.flatMap { $0.isEmpty ? nil : $0 }
                if let ports {
                    let identifiers = [String(number)] + (portName.map { [$0] } ?? [])
                    guard let found = identifiers.first(where: { ports.contains($0) }) else { continue }
                    portsFound.insert(found)
                }
                let servicePort = AgentConfig.ServicePort(service: name, name: portName, port: number)
                add(servicePort, targetPort: port["targetPort"], AppContainer.transport(of: port), headless: headless)
            }
        }
        for name in names ?? [] where !namesFound.contains(name) {
            warnings.append("no service \(name) selects this pod (\(InjectionAnnotations.serviceName))")
        }
        for port in ports ?? [] where !portsFound.contains(port) {
            warnings.append("no service of this pod has a port \(port) (\(InjectionAnnotations.servicePorts))")
        }
    }

    private mutating func add(
        _ servicePort: AgentConfig.ServicePort,
        targetPort: JSONValue?,
        _ transport: String,
        headless: Bool
    ) {
        guard transport == "tcp" || transport == "udp" else {
            warnings.append("port \(servicePort.port) of service \(servicePort.service) is \(transport): left alone")
            return
        }
        if let name = targetPort?.string, Int(name) == nil {
            // As the endpoints controller does: the first container that has the name with this protocol.
            for container in containers {
                guard let port = container.ports.first(where: { $0.name == name && $0.transport == transport }) else {
                    continue
                }
                merge(container, port, transport, port.number, byNumber: headless, servicePort)
                return
            }
            warnings.append("no container port is named \(name), which service \(servicePort.service) leads to")
            return
        }
        let number = targetPort?.int ?? targetPort?.string.flatMap { Int($0) } ?? servicePort.port
        // 0 means: as the service's port.
        addNumber(number == 0 ? servicePort.port : number, transport, servicePort)
    }

    private mutating func addNumber(_ number: Int, _ transport: String, _ servicePort: AgentConfig.ServicePort?) {
        guard 1...65535 ~= number else { return }
        for container in containers {
            guard let port = container.ports.first(where: { $0.number == number && $0.transport == transport }) else {
                continue
            }
            merge(container, port, transport, number, byNumber: true, servicePort)
            return
        }
        // Containers need not declare their ports: then nobody knows whose it is.
        guard let container = containers.first else { return }
        merge(container, nil, transport, number, byNumber: true, servicePort)
    }

    /// Looks for the ports that only an annotation names.
    private mutating func findUnserved() {
        for identifier in InjectionAnnotations.list(InjectionAnnotations.containerPorts, of: pod) ?? [] {
            let parts = identifier.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
            let text = String(parts[0])
            let transport = parts.count > 1 ? parts[1].lowercased() : nil
            var found = false
            for container in containers {
                for port in container.ports where port.name == text || String(port.number) == text {
                    guard port.transport == (transport ?? port.transport), ["tcp", "udp"].contains(port.transport)
                    else { continue }
                    merge(container, port, port.transport, port.number, byNumber: true, nil)
                    found = true
                }
            }
            if !found, let number = UInt16(text), number > 0, ["tcp", "udp"].contains(transport ?? "tcp") {
                addNumber(Int(number), transport ?? "tcp", nil)
                found = true
            }
            if !found {
                warnings.append("no container has a port \(identifier) (\(InjectionAnnotations.containerPorts))")
            }
        }
    }

    private mutating func merge(
        _ container: AppContainer,
        _ port: AppContainer.Port?,
        _ transport: String,
        _ number: Int,
        byNumber: Bool,
        _ servicePort: AgentConfig.ServicePort?
    ) {
        let services = servicePort.map { [$0] } ?? []
        // All containers share the pod's ports: number and protocol say which it is.
        guard let place = targets.firstIndex(where: { $0.transport == transport && $0.number == number }) else {
            targets.append(
                TargetPort(
                    container: container.index,
                    declared: port,
                    transport: transport,
                    number: number,
                    byNumber: byNumber,
                    services: services,
                    isReplaced: replaced.contains(container.name)
                )
            )
            return
        }
        // Two names for one number: each would have to be taken over; the number covers both.
        targets[place].byNumber = targets[place].byNumber || byNumber || targets[place].declared != port
        targets[place].services += services
    }
}
