import Cluster

/// What a pod asks for as a whole.
enum PodResources {
    /// Requests by resource, in whole units: what runs together adds up, init containers run one at a time.
    static func requests(_ pod: JSONValue) -> [String: Double] { self.sum(pod, "requests") }

    /// Limits by resource.
    static func limits(_ pod: JSONValue) -> [String: Double] { self.sum(pod, "limits") }

    private static func sum(_ pod: JSONValue, _ kind: String) -> [String: Double] {
        func amounts(_ container: JSONValue) -> [String: Double] {
            (container.at("resources", kind)?.object ?? [:]).compactMapValues {
                ($0.string ?? $0.int.map(String.init)).flatMap(Quantity.parse)
            }
        }
        var total: [String: Double] = [:]
        for container in pod.at("spec", "containers")?.array ?? [] {
            total.merge(amounts(container), uniquingKeysWith: +)
        }
        var sidecars: [String: Double] = [:]
        var peak: [String: Double] = [:]
        for container in pod.at("spec", "initContainers")?.array ?? [] {
            let own = amounts(container)
            if container["restartPolicy"]?.string == "Always" {
                sidecars.merge(own, uniquingKeysWith: +)
            } else {
                peak.merge(own.merging(sidecars, uniquingKeysWith: +), uniquingKeysWith: max)
            }
        }
        total.merge(sidecars, uniquingKeysWith: +)
        return total.merging(peak, uniquingKeysWith: max)
    }
}
