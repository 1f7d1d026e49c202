import Cluster

/// Default requests and limits from the LimitRange objects of a namespace.
enum LimitRanges {
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
