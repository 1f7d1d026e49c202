import Cluster

/// Default requests and limits, and their bounds, from the LimitRange objects of a namespace.
enum LimitRanges {
    /// Fails with 403 when a container asks for less or more than the ranges permit.
    static func check(_ pod: JSONValue, ranges: [JSONValue]) throws(StatusError) {
        let limits = ranges.flatMap { $0.at("spec", "limits")?.array ?? [] }.filter { $0["type"] == "Container" }
        guard !limits.isEmpty else { return }
        func text(_ value: JSONValue?) -> String? { value.flatMap { $0.string ?? $0.int.map(String.init) } }
        var found: [String] = []
        for container in ["initContainers", "containers"].flatMap({ pod.at("spec", $0)?.array ?? [] }) {
            for limit in limits {
                for (resource, bound) in limit["max"]?.object ?? [:] {
                    guard let most = text(bound), let number = Quantity.parse(most) else { continue }
                    guard let given = text(container.at("resources", "limits", resource)) else {
                        found.append("maximum \(resource) usage per Container is \(most).  No limit is specified")
                        continue
                    }
                    if Quantity.parse(given) ?? 0 > number {
                        found.append("maximum \(resource) usage per Container is \(most), but limit is \(given)")
                    }
                }
                for (resource, bound) in limit["min"]?.object ?? [:] {
                    guard let least = text(bound), let number = Quantity.parse(least) else { continue }
                    guard let given = text(container.at("resources", "requests", resource)) else {
                        found.append("minimum \(resource) usage per Container is \(least).  No request is specified")
                        continue
                    }
                    if Quantity.parse(given) ?? 0 < number {
                        found.append("minimum \(resource) usage per Container is \(least), but request is \(given)")
                    }
                }
            }
        }
        guard !found.isEmpty else { return }
        let list = found.sorted()
        throw .forbidden(
            "pods \"\(pod.name)\" is forbidden: "
                + (list.count == 1 ? list[0] : "[\(list.joined(separator: ", "))]"),
            kind: .pods,
            name: pod.name
        )
    }

    /// The pod with what the ranges fill in.
    static func apply(_ pod: JSONValue, ranges: [JSONValue]) -> JSONValue {
        let limits = ranges.flatMap { $0.at("spec", "limits")?.array ?? [] }.filter { $0["type"] == "Container" }
        guard !limits.isEmpty else { return pod }
        var pod = pod
        for list in ["initContainers", "containers"] {
            guard let containers = pod.at("spec", list) else { continue }
            pod.set(
                "spec",
                list,
                to: containers.mapped { container in
                    var container = container
                    for limit in limits {
                        for (resource, value) in limit["default"]?.object ?? [:] {
                            container.setDefault("resources", "limits", resource, to: value)
                        }
                        for (resource, value) in limit["defaultRequest"]?.object ?? limit["default"]?.object ?? [:] {
                            container.setDefault("resources", "requests", resource, to: value)
                        }
                    }
                    return container
                }
            )
        }
        return pod
    }
}
