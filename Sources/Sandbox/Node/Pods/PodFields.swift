import Cluster

/// What the downward API tells a container about its pod.
struct PodFields {
    let pod: JSONValue
    /// The pod's addresses, known only once it has its network.
    let podAddress: String
    let nodeAddress: String

    /// The value behind a `fieldPath`; nil when there is no such field.
    func value(_ path: String) -> String? {
        switch path {
        case "metadata.name": return self.pod.name
        case "metadata.namespace": return self.pod.namespace
        case "metadata.uid": return self.pod.uid
        case "metadata.labels": return Self.lines(self.pod.labels)
        case "metadata.annotations": return Self.lines(self.pod.annotations)
        case "spec.nodeName": return self.pod.at("spec", "nodeName")?.string ?? ""
        case "spec.serviceAccountName": return self.pod.at("spec", "serviceAccountName")?.string ?? "default"
        case "status.podIP", "status.podIPs": return self.podAddress
        case "status.hostIP", "status.hostIPs": return self.nodeAddress
        default: break
        }
        for (name, values) in [("metadata.labels", self.pod.labels), ("metadata.annotations", self.pod.annotations)] {
            guard path.hasPrefix("\(name)['"), path.hasSuffix("']") else { continue }
            return values[String(path.dropFirst(name.count + 2).dropLast(2))] ?? ""
        }
        return nil
    }

    /// The value behind a `resourceFieldRef`; a limit that is not set is the node's.
    ///
    /// Without a name it means the container itself.
    func resource(_ reference: JSONValue, container own: JSONValue) -> String? {
        var container = own
        if let name = reference["containerName"]?.string, !name.isEmpty {
            let all = ["containers", "initContainers"].flatMap { self.pod.at("spec", $0)?.array ?? [] }
            guard let other = all.first(where: { $0["name"]?.string == name }) else { return nil }
            container = other
        }
        let path = reference["resource"]?.string ?? ""
        let parts = path.split(separator: ".", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { return nil }
        let given = container.at("resources", parts[0], parts[1]).flatMap { $0.string ?? $0.int.map(String.init) }
        let fallback = parts[0] == "limits" ? (parts[1] == "cpu" ? "2" : "4Gi") : "0"
        let divisor = reference["divisor"].flatMap { $0.string ?? $0.int.map(String.init) } ?? "1"
        guard let amount = Quantity.parse(given ?? fallback) else { return nil }
        let unit = Quantity.parse(divisor).flatMap { $0 > 0 ? $0 : nil } ?? 1
        return Int64(exactly: (amount / unit - 1e-9).rounded(.up)).map(String.init)
    }

    /// Labels as a file holds them.
    private static func lines(_ values: [String: String]) -> String {
        values.sorted { $0.key < $1.key }.map { "\($0.key)=\(JSONValue.string($0.value).text)" }.joined(separator: "\n")
    }
}
