package import Message

/// Finds in the cluster's facts what an ``AttachmentSpec`` means.
///
/// Pure.
package enum AttachmentResolver {
    /// The workload that a spec names: by name, or as `kind/name`.
    ///
    /// - Throws: `notFound` listing what there is; `invalid` when the name means several.
    package static func workload(
        _ name: String,
        namespace: String,
        among all: [WorkloadFacts]
    ) throws(ManagerFailure) -> WorkloadFacts {
        let parts = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let wanted = parts.last ?? name
        let kind = parts.count == 2 ? parts[0].lowercased() : nil
        let found = all.filter { facts in
            facts.key.name == wanted && (kind.map { matches(kind: facts.key.kind, $0) } ?? true)
        }
        guard let first = found.first else {
            let names = all.map { "\($0.key.kind.lowercased())/\($0.key.name)" }.sorted()
            let there = names.isEmpty ? "there are none" : "there are: \(names.joined(separator: ", "))"
            throw ManagerFailure(.notFound, "no workload \(name) in namespace \(namespace); \(there)")
        }
        guard found.count == 1 else {
            let names = found.map { "\($0.key.kind.lowercased())/\($0.key.name)" }.sorted()
            throw ManagerFailure(.invalid, "\(name) means several workloads: \(names.joined(separator: ", "))")
        }
        guard first.obstacle.isEmpty else {
            throw ManagerFailure(.precondition, "\(first.key) cannot be attached to: \(first.obstacle)")
        }
        return first
    }

    /// The container that is meant: the one named, or the only one there is.
    ///
    /// - Throws: `notFound` for a name that no container has; `invalid` when a choice has to be made. Both list the containers.
    package static func container(_ name: String, of workload: WorkloadFacts) throws(ManagerFailure) -> String {
        let names = workload.containers.map(\.name)
        let there = names.joined(separator: ", ")
        if name.isEmpty {
            guard names.count == 1 else {
                throw ManagerFailure(.invalid, "\(workload.key) has several containers; name one of: \(there)")
            }
            return names[0]
        }
        guard names.contains(name) else {
            throw ManagerFailure(.notFound, "\(workload.key) has no container \(name); it has: \(there)")
        }
        return name
    }

    /// The ports that a spec names, each with the container that serves it.
    ///
    /// - Throws: `notFound` listing the services or ports there are; `invalid` when a choice has to be made.
    package static func ports(
        _ spec: AttachmentSpec,
        of workload: WorkloadFacts,
        services: [ServiceFacts]
    ) throws(ManagerFailure) -> [ResolvedPort] {
        let candidates = try offers(spec, of: workload, services: services)
        let wanted = spec.ports.isEmpty ? [PortSpec()] : spec.ports
        var resolved: [ResolvedPort] = []
        for port in wanted {
            var match = try choose(port, among: candidates, workload: workload.key)
            match.localAddress = port.localAddress.isEmpty ? "127.0.0.1" : port.localAddress
            match.localPort = port.localPort == 0 ? match.containerPort : port.localPort
            let clash = resolved.contains { $0.containerPort == match.containerPort && $0.protocol == match.protocol }
            guard !clash else {
                throw ManagerFailure(.invalid, "port \(match.containerPort) of \(workload.key) is named twice")
            }
            resolved.append(match)
        }
        return resolved
    }

    /// The ports of a container that is replaced: all of them, those that are named, or none.
    ///
    /// They are named as the container declares them, by number or name. Ports that only services know of count as well.
    ///
    /// - Throws: `notFound` listing the ports there are; `invalid` when a choice has to be made.
    package static func replacedPorts(
        _ spec: AttachmentSpec,
        of workload: WorkloadFacts,
        services: [ServiceFacts]
    ) throws(ManagerFailure) -> [ResolvedPort] {
        if spec.portless { return [] }
        var all: [(port: ResolvedPort, name: String)] = []
        for port in workload.containers.first(where: { $0.name == spec.container })?.ports ?? [] {
            let resolved = ResolvedPort(
                container: spec.container,
                containerPort: port.number,
                protocol: port.transport
            )
            all.append((resolved, port.name))
        }
        for service in services.sorted(by: { $0.name < $1.name }) where service.selects(workload.labels) {
            for port in service.ports {
                guard let target = container(port, of: workload), target.container == spec.container else { continue }
                let place = all.firstIndex {
                    $0.port.containerPort == target.containerPort && $0.port.protocol == target.protocol
                }
                let index = place ?? all.endIndex
                if place == nil { all.append((target, "")) }
                guard all[index].port.serviceName.isEmpty else { continue }
                all[index].port.serviceName = service.name
                all[index].port.servicePortName = port.name
                all[index].port.servicePort = port.number
            }
        }
        let there = all.map { "\($0.port.containerPort)\($0.name.isEmpty ? "" : " (\($0.name))")" }
            .joined(separator: ", ")
        var resolved: [ResolvedPort] = []
        for wanted in spec.ports {
            let found = all.filter { port, name in
                guard wanted.protocol == .unknown || wanted.protocol == port.protocol else { return false }
                guard !wanted.remote.isEmpty else { return true }
                return name == wanted.remote || String(port.containerPort) == wanted.remote
            }
            guard var match = found.first?.port else {
                let what = wanted.remote.isEmpty ? "no such port" : "no port \(wanted.remote)"
                throw ManagerFailure(.notFound, "container \(spec.container) has \(what); it has: \(there)")
            }
            guard found.count == 1 else {
                throw ManagerFailure(.invalid, "container \(spec.container) has several ports; name one of: \(there)")
            }
            match.localAddress = wanted.localAddress
            match.localPort = wanted.localPort
            resolved.append(match)
        }
        if spec.ports.isEmpty { resolved = all.map(\.port) }
        return resolved.map { port in
            var port = port
            if port.localAddress.isEmpty { port.localAddress = "127.0.0.1" }
            if port.localPort == 0 { port.localPort = port.containerPort }
            return port
        }
    }

    /// Everything that could be meant: the ports of the services that select the workload, else its containers' ports.
    private static func offers(
        _ spec: AttachmentSpec,
        of workload: WorkloadFacts,
        services: [ServiceFacts]
    ) throws(ManagerFailure) -> [ResolvedPort] {
        var selecting = services.filter { $0.selects(workload.labels) }
        if !spec.service.isEmpty {
            let names = selecting.map(\.name).sorted()
            selecting = selecting.filter { $0.name == spec.service }
            guard !selecting.isEmpty else {
                let there = names.isEmpty ? "none does" : "these do: \(names.joined(separator: ", "))"
                throw ManagerFailure(.notFound, "no service \(spec.service) selects \(workload.key); \(there)")
            }
        }
        var offers: [ResolvedPort] = []
        for service in selecting.sorted(by: { $0.name < $1.name }) {
            for port in service.ports {
                guard var target = container(port, of: workload) else { continue }
                target.serviceName = service.name
                target.servicePortName = port.name
                target.servicePort = port.number
                offers.append(target)
            }
        }
        if selecting.isEmpty {
            for container in workload.containers {
                for port in container.ports {
                    offers.append(
                        ResolvedPort(container: container.name, containerPort: port.number, protocol: port.transport)
                    )
                }
            }
        }
        guard !offers.isEmpty else {
            throw ManagerFailure(.precondition, "\(workload.key) has no port that a service leads to")
        }
        return offers
    }

    /// The container port behind a service port.
    private static func container(_ port: ServiceFacts.Port, of workload: WorkloadFacts) -> ResolvedPort? {
        let number = UInt16(port.target)
        for container in workload.containers {
            for own in container.ports where own.transport == port.transport {
                if own.number == number || (number == nil && own.name == port.target) {
                    return ResolvedPort(
                        container: container.name,
                        containerPort: own.number,
                        protocol: port.transport
                    )
                }
            }
        }
        // A numeric target need not be declared by a container: the first one is taken to serve it.
        guard let number, let first = workload.containers.first else { return nil }
        return ResolvedPort(container: first.name, containerPort: number, protocol: port.transport)
    }

    private static func choose(
        _ port: PortSpec,
        among offers: [ResolvedPort],
        workload: WorkloadKey
    ) throws(ManagerFailure) -> ResolvedPort {
        let matching = offers.filter { offer in
            guard port.protocol == .unknown || port.protocol == offer.protocol else { return false }
            if port.remote.isEmpty { return true }
            guard let number = UInt16(port.remote) else { return offer.servicePortName == port.remote }
            return offer.servicePort == number || (offer.serviceName.isEmpty && offer.containerPort == number)
        }
        // Several services may lead to the same port of the container: any of them will do.
        let distinct = Set(matching.map { "\($0.containerPort)/\($0.protocol)" })
        guard let first = matching.first else {
            let what = port.remote.isEmpty ? "such port" : "port \(port.remote)"
            throw ManagerFailure(.notFound, "\(workload) has no \(what); it has: \(list(offers))")
        }
        guard distinct.count == 1 else {
            let why = port.remote.isEmpty ? "has several ports" : "has several ports \(port.remote)"
            throw ManagerFailure(.invalid, "\(workload) \(why); name one of: \(list(offers))")
        }
        return first
    }

    private static func list(_ offers: [ResolvedPort]) -> String {
        var texts: [String] = []
        for offer in offers {
            let number = offer.servicePort == 0 ? offer.containerPort : offer.servicePort
            let name = offer.servicePortName.isEmpty ? "" : " (\(offer.servicePortName))"
            let text = "\(number)\(offer.protocol == .udp ? "/udp" : "")\(name)"
            if !texts.contains(text) { texts.append(text) }
        }
        return texts.joined(separator: ", ")
    }

    private static func matches(kind: String, _ text: String) -> Bool {
        let kind = kind.lowercased()
        let short = ["deployment": "deploy", "statefulset": "sts", "replicaset": "rs", "daemonset": "ds", "pod": "po"][
            kind
        ]
        return text == kind || text == kind + "s" || text == short
    }
}
