/// A service, as far as it matters here.
package struct ServiceView: ObjectView {
    package let object: JSONValue

    package init(_ object: JSONValue) {
        self.object = object
    }

    /// Where a service port leads to in its pods.
    package enum Target: Sendable, Hashable {
        case name(String)
        case number(Int)
    }

    /// A port of the service.
    package struct Port: Sendable, Hashable {
        package let name: String?
        package let number: Int
        package let target: Target
        /// `TCP`, `UDP` or `SCTP`.
        package let transport: String
        package let appProtocol: String?
    }

    package var selector: [String: String] { object.at("spec", "selector")?.stringMap ?? [:] }
    /// The cluster address; `None` for headless services, empty for external names.
    package var clusterAddress: String { object.at("spec", "clusterIP")?.string ?? "" }
    package var isHeadless: Bool { clusterAddress == "None" }

    package var ports: [Port] {
        (object.at("spec", "ports")?.array ?? []).compactMap { port in
            guard let number = port["port"]?.int else { return nil }
            let target: Target
            if let name = port["targetPort"]?.string {
                // Some writers put numbers in quotes.
                target = Int(name).map { .number($0) } ?? .name(name)
            } else {
                let value = port["targetPort"]?.int ?? 0
                target = .number(value == 0 ? number : value)
            }
            return Port(
                name: port["name"]?.string.flatMap { $0.isEmpty ? nil : $0 },
                number: number,
                target: target,
                transport: port["protocol"]?.string ?? "TCP",
                appProtocol: port["appProtocol"]?.string
            )
        }
    }

    /// Whether its selector chooses a pod with these labels.
    ///
    /// A service without selector chooses none.
    package func selects(_ labels: [String: String]) -> Bool {
        let selector = selector
        return !selector.isEmpty && selector.allSatisfy { labels[$0.key] == $0.value }
    }
}
