import Cluster

/// Whether a node can take a pod; a pure function of both.
enum NodeFit {
    /// What stands against it, in the words of Kubernetes' scheduler; empty when nothing does.
    ///
    /// `others` are the pods that the node has already.
    static func obstacles(_ pod: JSONValue, node: JSONValue, others: [JSONValue]) -> [String] {
        var obstacles: [String] = []
        if node.at("spec", "unschedulable")?.bool == true, !self.tolerates(pod, Self.cordon) {
            obstacles.append("node(s) were unschedulable")
        }
        for taint in node.at("spec", "taints")?.array ?? []
        where ["NoSchedule", "NoExecute"].contains(taint["effect"]?.string ?? "") && !self.tolerates(pod, taint) {
            let value = taint["value"]?.string ?? ""
            obstacles.append("node(s) had untolerated taint {\(taint["key"]?.string ?? ""): \(value)}")
            break
        }
        if !self.selects(pod, node) { obstacles.append("node(s) didn't match Pod's node affinity/selector") }
        return obstacles + self.shortage(pod, node, others)
    }

    private static let cordon: JSONValue = ["key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"]

    private static func tolerates(_ pod: JSONValue, _ taint: JSONValue) -> Bool {
        (pod.at("spec", "tolerations")?.array ?? []).contains { toleration in
            let effect = toleration["effect"]?.string ?? ""
            guard effect.isEmpty || effect == taint["effect"]?.string else { return false }
            let key = toleration["key"]?.string ?? ""
            let exists = toleration["operator"]?.string == "Exists"
            if key.isEmpty { return exists }
            return key == taint["key"]?.string
                && (exists || toleration["value"]?.string ?? "" == taint["value"]?.string ?? "")
        }
    }

    private static func selects(_ pod: JSONValue, _ node: JSONValue) -> Bool {
        for (key, value) in pod.texts("spec", "nodeSelector") where node.labels[key] != value { return false }
        let required = pod.at("spec", "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
        guard let terms = required?["nodeSelectorTerms"]?.array else { return true }
        return terms.contains { term in
            let fields = (term["matchFields"]?.array ?? []).allSatisfy { field in
                let has = (field["values"]?.stringArray ?? []).contains(node.name)
                return field["operator"]?.string == "NotIn" ? !has : has
            }
            let expressions = term["matchExpressions"] ?? .array([])
            return fields && LabelSelector(["matchExpressions": expressions]).matches(node.labels)
        }
    }

    private static func shortage(_ pod: JSONValue, _ node: JSONValue, _ others: [JSONValue]) -> [String] {
        let room = node.at("status", "allocatable") ?? .emptyObject
        func amount(_ resource: String) -> Double {
            room[resource].flatMap { $0.string ?? $0.int.map(String.init) }.flatMap(Quantity.parse) ?? 0
        }
        var obstacles: [String] = []
        if room["pods"] != nil, Double(others.count + 1) > amount("pods") { obstacles.append("Too many pods") }
        for (resource, wanted) in PodResources.requests(pod).sorted(by: { $0.key < $1.key }) where wanted > 0 {
            let used = others.reduce(0) { $0 + (PodResources.requests($1)[resource] ?? 0) }
            if used + wanted > amount(resource) + 1e-9 { obstacles.append("Insufficient \(resource)") }
        }
        return obstacles
    }
}
