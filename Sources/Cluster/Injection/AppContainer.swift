/// One container of a pod as the injector sees it, with its place in the manifest.
struct AppContainer: Sendable, Hashable {
    /// A declared port.
    struct Port: Sendable, Hashable {
        /// The place in the container's `ports`.
        var index: Int
        var name: String?
        /// `tcp`, `udp` or `sctp`.
        var transport: String
        var number: Int
    }

    /// The place in `spec.containers`.
    var index: Int
    var name: String
    var ports: [Port]
    var json: JSONValue

    /// The containers of a pod; nil when the pod has none, or one without a name.
    static func all(in pod: JSONValue) -> [AppContainer]? {
        guard let elements = pod.at("spec", "containers")?.array, !elements.isEmpty else { return nil }
        var containers: [AppContainer] = []
        for (index, element) in elements.enumerated() {
            guard let name = element["name"]?.string, !name.isEmpty else { return nil }
            containers.append(AppContainer(index: index, name: name, ports: ports(of: element), json: element))
        }
        return containers
    }

    private static func ports(of container: JSONValue) -> [Port] {
        (container["ports"]?.array ?? []).enumerated().compactMap { index, port in
            guard let number = port["containerPort"]?.int, 1...65535 ~= number else { return nil }
            let name = port["name"]?.string
            return Port(
                index: index,
                name: name?.isEmpty == true ? nil : name,
                transport: transport(of: port),
                number: number
            )
        }
    }

    /// The protocol of a container's or a service's port, in lower case.
    static func transport(of port: JSONValue) -> String {
        (port["protocol"]?.string ?? "TCP").lowercased()
    }
}
