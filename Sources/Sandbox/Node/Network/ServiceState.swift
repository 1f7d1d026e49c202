import Cluster
import Kernel

/// Services and their endpoints at one moment, and what follows from them for rules and names.
struct ServiceState {
    private let services: [JSONValue]
    private let slices: [String: [JSONValue]]
    private let namespaces: [String]

    init(store: ObjectStore) {
        self.init(
            services: store.items(.services),
            slices: store.items(.endpointSlices),
            namespaces: store.items(.namespaces).map(\.name)
        )
    }

    init(services: [JSONValue], slices: [JSONValue], namespaces: [String]) {
        self.services = services
        self.slices = Dictionary(grouping: slices) {
            "\($0.namespace)/\($0.labels["kubernetes.io/service-name"] ?? "")"
        }
        self.namespaces = namespaces
    }

    private func slices(_ service: JSONValue) -> [JSONValue] {
        self.slices["\(service.namespace)/\(service.name)"] ?? []
    }

    /// Endpoints that are ready, of one slice.
    private static func ready(_ slice: JSONValue) -> [JSONValue] {
        (slice["endpoints"]?.array ?? []).filter { $0.at("conditions", "ready")?.bool ?? true }
    }

    /// The rules of all Services.
    func rules() -> ServiceRules {
        var ports: [ServiceRules.Port] = []
        for service in self.services where service.at("spec", "type")?.string != "ExternalName" {
            let address = service.at("spec", "clusterIP")?.string ?? ""
            guard InternetAddress(address)?.family == .v4 else { continue }
            let bound = service.at("spec", "sessionAffinity")?.string == "ClientIP"
            let seconds = service.at("spec", "sessionAffinityConfig", "clientIP", "timeoutSeconds")?.int ?? 10800
            for port in service.at("spec", "ports")?.array ?? [] {
                guard let number = port["port"]?.int else { continue }
                let transport = port["protocol"]?.string ?? "TCP"
                guard transport == "TCP" || transport == "UDP" else { continue }
                let name = port["name"]?.string ?? ""
                var endpoints: Set<ServiceRules.Endpoint> = []
                for slice in self.slices(service) {
                    let match = (slice["ports"]?.array ?? []).first {
                        ($0["name"]?.string ?? "") == name && ($0["protocol"]?.string ?? "TCP") == transport
                    }
                    guard let target = match?["port"]?.int else { continue }
                    for endpoint in Self.ready(slice) {
                        guard let text = endpoint["addresses"]?.array?.first?.string else { continue }
                        endpoints.insert(ServiceRules.Endpoint(address: text, port: target))
                    }
                }
                ports.append(
                    ServiceRules.Port(
                        transport: transport.lowercased(),
                        clusterAddress: address,
                        port: number,
                        nodePort: port["nodePort"]?.int.flatMap { $0 > 0 ? $0 : nil },
                        endpoints: endpoints.sorted(),
                        affinity: bound ? seconds : nil
                    )
                )
            }
        }
        return ServiceRules(ports: ports)
    }

    /// All names of the cluster.
    func zone() -> DNSZone {
        var zone = DNSZone()
        for namespace in self.namespaces { zone.add(namespace: namespace) }
        for service in self.services {
            let name = "\(service.name).\(service.namespace).svc.\(zone.domain)"
            if service.at("spec", "type")?.string == "ExternalName" {
                if let target = service.at("spec", "externalName")?.string { zone.add(name, .alias(target)) }
                continue
            }
            if let address = InternetAddress(service.at("spec", "clusterIP")?.string ?? "")?.v4 {
                zone.add(name, .address(address))
                zone.add(DNSZone.reverse(address), .pointer(name))
                for port in service.at("spec", "ports")?.array ?? [] {
                    self.addPort(&zone, name, port, target: name)
                }
                continue
            }
            self.addHeadless(&zone, service, name)
        }
        return zone
    }

    private func addPort(_ zone: inout DNSZone, _ name: String, _ port: JSONValue, target: String) {
        guard let label = port["name"]?.string, !label.isEmpty,
            let number = port["port"]?.int.flatMap({ UInt16(exactly: $0) })
        else { return }
        let transport = (port["protocol"]?.string ?? "TCP").lowercased()
        zone.add("_\(label)._\(transport).\(name)", .service(port: number, target: target))
    }

    private func addHeadless(_ zone: inout DNSZone, _ service: JSONValue, _ name: String) {
        let early = service.at("spec", "publishNotReadyAddresses")?.bool ?? false
        for slice in self.slices(service) {
            for endpoint in early ? slice["endpoints"]?.array ?? [] : Self.ready(slice) {
                for text in endpoint["addresses"]?.stringArray ?? [] {
                    guard let address = InternetAddress(text)?.v4 else { continue }
                    let host = endpoint["hostname"]?.string ?? text.split(separator: ".").joined(separator: "-")
                    zone.add(name, .address(address))
                    zone.add("\(host).\(name)", .address(address))
                    if endpoint["hostname"]?.string != nil {
                        zone.add(DNSZone.reverse(address), .pointer("\(host).\(name)"))
                    }
                    for port in slice["ports"]?.array ?? [] {
                        self.addPort(&zone, name, port, target: "\(host).\(name)")
                    }
                }
            }
        }
    }
}
