import Cluster

/// What a PodDisruptionBudget comes to with the pods of this moment.
struct DisruptionCount {
    /// Pods that are ready and not on their way out.
    let healthy: Int
    /// How many have to be.
    let desired: Int
    /// How many there should be in all.
    let expected: Int

    /// How many may go now.
    var allowed: Int { self.expected > 0 ? max(0, self.healthy - self.desired) : 0 }

    /// Counts.
    init(_ budget: JSONValue, store: ObjectStore) {
        let selector = LabelSelector(budget.at("spec", "selector"))
        let pods = store.items(.pods, namespace: budget.namespace, labels: selector).filter(\.isActivePod)
        self.healthy = pods.filter { PodState.isReady($0) }.count
        let scale = max(pods.count, Self.replicas(of: pods, namespace: budget.namespace, store: store))
        if let least = budget.at("spec", "minAvailable") {
            // A plain number looks at the pods alone; a share needs to know of how many.
            self.expected = least.int == nil ? scale : pods.count
            self.desired = ObjectAPI.amount(least, of: scale, roundingUp: true)
        } else {
            self.expected = scale
            let most = budget.at("spec", "maxUnavailable") ?? .integer(Int64(scale))
            self.desired = max(0, scale - ObjectAPI.amount(most, of: scale, roundingUp: true))
        }
    }

    private static func replicas(of pods: [JSONValue], namespace: String, store: ObjectStore) -> Int {
        var owners: Set<String> = []
        var sum = 0
        for owner in pods.compactMap(\.controller) {
            guard let uid = owner["uid"]?.string, owners.insert(uid).inserted,
                let kind = ResourceKind.named(
                    apiVersion: owner["apiVersion"]?.string ?? "",
                    kind: owner["kind"]?.string ?? ""
                ), let object = store.find(kind, namespace: namespace, name: owner["name"]?.string ?? "")
            else { continue }
            sum += min(object.at("spec", "replicas")?.int ?? 0, Int(Int32.max))
        }
        return sum
    }
}
