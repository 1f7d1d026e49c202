import Cluster

/// What the ResourceQuota objects of a namespace leave for one more object.
///
/// Pods and what they ask for are counted, and with `count/…` any kind; other resources are without limit here.
enum ResourceQuotas {
    /// Fails with 403, in Kubernetes' words, when an object would exceed a quota.
    static func check(
        _ kind: ResourceKind,
        _ object: JSONValue,
        namespace: String,
        store: ObjectStore
    ) throws(StatusError) {
        guard kind.namespaced, kind != .resourceQuotas else { return }
        for quota in store.items(.resourceQuotas, namespace: namespace) {
            let limits = self.hard(quota)
            let wanted = self.usage(of: object, kind)
            let concerned = wanted.filter { limits[$0.key] != nil }
            if kind == .pods { try self.demandRequests(object, limits, quota) }
            guard !concerned.isEmpty else { continue }
            let used = self.used(quota, store: store)
            let over = concerned.filter { (used[$0.key] ?? 0) + $0.value > (limits[$0.key] ?? 0) + 1e-9 }
            guard !over.isEmpty else { continue }
            func list(_ amounts: [String: Double]) -> String {
                over.keys.sorted().map { "\($0)=\(self.text($0, amounts[$0] ?? 0))" }.joined(separator: ",")
            }
            throw .forbidden(
                "\(kind.qualifiedName) \"\(object.name)\" is forbidden: exceeded quota: \(quota.name), "
                    + "requested: \(list(wanted)), used: \(list(used)), limited: \(list(limits))",
                kind: kind,
                name: object.name
            )
        }
    }

    /// What is used of a quota, by resource.
    static func used(_ quota: JSONValue, store: ObjectStore) -> [String: Double] {
        let limits = self.hard(quota)
        var used = limits.mapValues { _ in 0.0 }
        let needsPods = limits.keys.contains { !$0.hasPrefix("count/") || $0 == "count/pods" }
        var kinds = ResourceKind.all.filter { limits["count/\($0.qualifiedName)"] != nil && $0.stored }
        kinds += [.services, .configMaps, .secrets].filter { limits[$0.plural] != nil && !kinds.contains($0) }
        if needsPods, !kinds.contains(.pods) { kinds.append(.pods) }
        for kind in kinds {
            for object in store.items(kind, namespace: quota.namespace) {
                if kind == .pods, ["Succeeded", "Failed"].contains(object.at("status", "phase")?.string ?? "") {
                    used["count/pods"]? += 1
                    continue
                }
                for (resource, amount) in self.usage(of: object, kind) { used[resource]? += amount }
            }
        }
        return used
    }

    /// An amount as quotas show it.
    static func text(_ resource: String, _ amount: Double) -> String {
        let whole = Int64(exactly: amount.rounded()) ?? Int64.max
        if abs(amount - amount.rounded()) < 1e-9 {
            if whole > 0, resource.hasSuffix("memory"), whole % (1 << 20) == 0 { return "\(whole >> 20)Mi" }
            return "\(whole)"
        }
        return "\(Int64(exactly: (amount * 1000).rounded(.up)) ?? Int64.max)m"
    }

    private static func hard(_ quota: JSONValue) -> [String: Double] {
        (quota.at("spec", "hard")?.object ?? [:]).compactMapValues {
            ($0.string ?? $0.int.map(String.init)).flatMap(Quantity.parse)
        }
    }

    private static func usage(of object: JSONValue, _ kind: ResourceKind) -> [String: Double] {
        var usage = ["count/\(kind.qualifiedName)": 1.0]
        if [.services, .configMaps, .secrets].contains(kind) { usage[kind.plural] = 1 }
        guard kind == .pods else { return usage }
        usage["pods"] = 1
        for (resource, amount) in PodResources.requests(object) {
            usage["requests.\(resource)"] = amount
            usage[resource] = amount
        }
        for (resource, amount) in PodResources.limits(object) { usage["limits.\(resource)"] = amount }
        return usage
    }

    /// Where a quota counts what pods ask for, every container has to say it.
    private static func demandRequests(
        _ pod: JSONValue,
        _ limits: [String: Double],
        _ quota: JSONValue
    ) throws(StatusError) {
        var missing: [String: [String]] = [:]
        let containers = ["containers", "initContainers"].flatMap { pod.at("spec", $0)?.array ?? [] }
        for name in limits.keys {
            let part = name.hasPrefix("limits.") ? "limits" : "requests"
            let resource = name.split(separator: ".").last.map(String.init) ?? name
            guard ["cpu", "memory"].contains(resource) else { continue }
            let without = containers.filter { $0.at("resources", part, resource) == nil }
            if !without.isEmpty { missing[name] = without.compactMap { $0["name"]?.string } }
        }
        guard !missing.isEmpty else { return }
        let list = missing.sorted { $0.key < $1.key }.map { "\($0.key) for: \($0.value.joined(separator: ","))" }
        throw .forbidden(
            "pods \"\(pod.name)\" is forbidden: failed quota: \(quota.name): must specify \(list.joined(separator: "; "))",
            kind: .pods,
            name: pod.name
        )
    }
}
