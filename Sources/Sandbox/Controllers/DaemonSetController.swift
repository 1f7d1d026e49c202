import Cluster

/// Keeps one pod of a DaemonSet on the one node.
struct DaemonSetController: Sendable {
    let api: ObjectAPI
    let events: EventRecorder

    init(api: ObjectAPI) {
        self.api = api
        self.events = EventRecorder(store: api.store, component: "daemonset-controller")
    }

    /// Works until its task is cancelled.
    func run() async {
        let loop = ControllerLoop("daemonset", store: self.api.store)
        loop.watchOwn(.daemonSets)
        loop.watchOwned(.pods, by: .daemonSets)
        loop.watchOrphans(.pods)
        await loop.run { key throws(StatusError) in
            if key.name.isEmpty { return loop.addAll(.daemonSets, in: key.namespace, of: self.api.store) }
            try await self.reconcile(key)
        }
    }

    private func reconcile(_ key: ObjectKey) async throws(StatusError) {
        let store = self.api.store
        guard let set = store.find(.daemonSets, namespace: key.namespace, name: key.name), !set.isTerminating else {
            return
        }
        let hash = (set.at("spec", "template") ?? .emptyObject).contentHash
        let pods = Claims.settle(set, .daemonSets, .pods, store: store, adoptable: \.isActivePod)
        for pod in pods where !pod.isTerminating {
            let ended = ["Failed", "Succeeded"].contains(pod.at("status", "phase")?.string ?? "")
            let old =
                pod.labels["controller-revision-hash"] != hash
                && set.at("spec", "updateStrategy", "type")?.string != "OnDelete"
            if ended || old { _ = try? await self.api.delete(.pods, namespace: key.namespace, name: pod.name) }
        }
        if pods.isEmpty {
            let pod = (set.at("spec", "template") ?? .emptyObject).pod(
                owner: set,
                .daemonSets,
                name: nil,
                labels: ["controller-revision-hash": hash]
            )
            let created = try await self.api.create(.pods, pod, namespace: key.namespace)
            self.events.record(set, "SuccessfulCreate", "Created pod: \(created.name)")
        }
        let now = set.controlled(store.items(.pods, namespace: key.namespace)).filter(\.isActivePod)
        let ready = now.contains { $0.readySince != nil }
        try store.update(.daemonSets, namespace: key.namespace, name: key.name, part: .status) { old in
            let count: JSONValue = ready ? 1 : 0
            var new = old
            new["status"] = [
                "observedGeneration": .integer(set.generation), "desiredNumberScheduled": 1, "numberMisscheduled": 0,
                "currentNumberScheduled": .integer(Int64(min(1, now.count))), "numberReady": count,
                "numberAvailable": count, "numberUnavailable": ready ? 0 : 1,
                "updatedNumberScheduled": now.contains { $0.labels["controller-revision-hash"] == hash } ? 1 : 0,
            ]
            return new
        }
    }
}
