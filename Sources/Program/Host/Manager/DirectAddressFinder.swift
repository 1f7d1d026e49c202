package import Cluster
import Kernel

/// Finds where the administrator publishes the manager's links: the given addresses, else its own Services of type
/// LoadBalancer and NodePort.
package struct DirectAddressFinder: Sendable {
    /// Why the environment cannot be followed.
    package struct Failure: Error, Sendable, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// More addresses than that are not told: a workstation tries them within seconds.
    static let maximum = 8

    private let api: APIConnection
    private let namespace: String
    private let given: [String]?

    /// Reads `TELEPRESENCE_DIRECT_ADDRESSES`: `host:port`, separated by commas; `none` means no direct links at all.
    package init(api: APIConnection, namespace: String, environment: [String: String]) throws(Failure) {
        self.api = api
        self.namespace = namespace
        let text = environment["TELEPRESENCE_DIRECT_ADDRESSES"] ?? ""
        if text == "none" {
            given = []
            return
        }
        let words = text.split { $0 == "," || $0.isWhitespace }.map(String.init)
        for word in words where DirectAddress(word) == nil {
            throw Failure(
                description: "TELEPRESENCE_DIRECT_ADDRESSES: '\(word)' is no address; write manager.example.com:8081"
            )
        }
        given = words.isEmpty ? nil : words
    }

    /// The addresses at present, best first: those given, those of load balancers, those of nodes.
    package func addresses() async -> [String] {
        if let given { return Array(given.prefix(Self.maximum)) }
        guard let services = try? await api.list(.services, namespace: namespace).items else { return [] }
        let published = services.filter(Self.isPublished)
        guard !published.isEmpty else { return [] }
        var found = published.flatMap(Self.balancers)
        if found.count < Self.maximum {
            let nodes = (try? await api.list(.nodes))?.items ?? []
            found += published.flatMap { Self.nodePorts($0, nodes) }
        }
        var seen: Set<String> = []
        return Array(found.filter { seen.insert($0).inserted }.prefix(Self.maximum))
    }

    private static func isPublished(_ service: JSONValue) -> Bool {
        guard service.at("spec", "selector", "app")?.string == "traffic-manager" else { return false }
        return ["NodePort", "LoadBalancer"].contains(service.at("spec", "type")?.string) && port(service) != nil
    }

    /// The Service's port for links: the one called `api`, else the one that leads to it.
    private static func port(_ service: JSONValue) -> JSONValue? {
        let ports = service.at("spec", "ports")?.array ?? []
        return ports.first { $0["name"]?.string == "api" }
            ?? ports.first { $0["targetPort"]?.string == "api" || $0["targetPort"]?.int == 8081 }
    }

    static func balancers(_ service: JSONValue) -> [String] {
        guard service.at("spec", "type")?.string == "LoadBalancer", let number = port(service)?["port"]?.int else {
            return []
        }
        return (service.at("status", "loadBalancer", "ingress")?.array ?? []).compactMap { entry in
            (entry["ip"]?.string ?? entry["hostname"]?.string).map { DirectAddress.text($0, number) }
        }
    }

    static func nodePorts(_ service: JSONValue, _ nodes: [JSONValue]) -> [String] {
        guard let number = port(service)?["nodePort"]?.int, number > 0 else { return [] }
        // Addresses for the outside first: those inside may not lead there from a workstation.
        return ["ExternalIP", "InternalIP"].flatMap { kind in
            nodes.filter(isReady).flatMap { node in
                (node.at("status", "addresses")?.array ?? []).filter { $0["type"]?.string == kind }
                    .compactMap { $0["address"]?.string }.map { DirectAddress.text($0, number) }
            }
        }
    }

    private static func isReady(_ node: JSONValue) -> Bool {
        let conditions = node.at("status", "conditions")?.array ?? []
        return conditions.isEmpty
            || conditions.contains { $0["type"]?.string == "Ready" && $0["status"]?.string == "True" }
    }
}
