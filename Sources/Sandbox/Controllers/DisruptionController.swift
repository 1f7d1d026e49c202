import Cluster

/// Says in the status of PodDisruptionBudgets how many pods may be evicted now.
struct DisruptionController: Sendable {
    let api: ObjectAPI

    /// Works until its task is cancelled.
    func run() async {
        let store = self.api.store
        let loop = ControllerLoop("disruption", store: store)
        loop.watchOwn(.disruptionBudgets)
        loop.watch(.pods) { [ObjectKey(namespace: $0.object.namespace, name: "")] }
        for kind in [ResourceKind.replicaSets, .statefulSets] {
            loop.watch(kind) { [ObjectKey(namespace: $0.object.namespace, name: "")] }
        }
        await loop.run { key throws(StatusError) in
            if key.name.isEmpty { return loop.addAll(.disruptionBudgets, in: key.namespace, of: store) }
            guard let budget = store.find(.disruptionBudgets, namespace: key.namespace, name: key.name) else { return }
            let count = DisruptionCount(budget, store: store)
            try store.update(.disruptionBudgets, namespace: key.namespace, name: key.name, part: .status) { old in
                var status: JSONValue = [
                    "observedGeneration": .integer(budget.generation),
                    "currentHealthy": .integer(Int64(count.healthy)),
                    "desiredHealthy": .integer(Int64(count.desired)),
                    "expectedPods": .integer(Int64(count.expected)),
                    "disruptionsAllowed": .integer(Int64(count.allowed)),
                ]
                status["conditions"] = .array(
                    Conditions.set(
                        old.at("status", "conditions")?.array ?? [],
                        "DisruptionAllowed",
                        count.allowed > 0,
                        count.allowed > 0 ? "SufficientPods" : "InsufficientPods",
                        "",
                        updated: false
                    )
                )
                var new = old
                new["status"] = status
                return new
            }
        }
    }
}
