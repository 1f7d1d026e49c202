import Cluster

/// Keeps the numbered pods of a StatefulSet: made in order, replaced from the last.
struct StatefulSetController: Sendable {
    let api: ObjectAPI
    let events: EventRecorder

    init(api: ObjectAPI) {
        self.api = api
        self.events = EventRecorder(store: api.store, component: "statefulset-controller")
    }

    /// Works until its task is cancelled.
    func run() async {
        let loop = ControllerLoop("statefulset", store: self.api.store)
        loop.watchOwn(.statefulSets)
        loop.watchOwned(.pods, by: .statefulSets)
        loop.watchOrphans(.pods)
        await loop.run { key throws(StatusError) in
            if key.name.isEmpty { return loop.addAll(.statefulSets, in: key.namespace, of: self.api.store) }
            try await self.reconcile(key)
        }
    }

    private func reconcile(_ key: ObjectKey) async throws(StatusError) {
        let store = self.api.store
        guard let set = store.find(.statefulSets, namespace: key.namespace, name: key.name), !set.isTerminating else {
            return
        }
        let pods = Claims.settle(set, .statefulSets, .pods, store: store) { pod in
            pod.isActivePod && pod.name.hasPrefix(set.name + "-")
                && Int(pod.name.dropFirst(set.name.utf8.count + 1)) != nil
        }
        let wanted = max(0, min(set.at("spec", "replicas")?.int ?? 1, 1_000_000))
        let hash = (set.at("spec", "template") ?? .emptyObject).contentHash
        let parallel = set.at("spec", "podManagementPolicy")?.string == "Parallel"
        try await self.work(set, pods, wanted, hash, parallel: parallel)
        let now = set.controlled(store.items(.pods, namespace: key.namespace))
        let ready = now.filter { $0.readySince != nil && !$0.isTerminating }
        let updated = now.filter { $0.labels["controller-revision-hash"] == hash }
        let revision = "\(set.name)-\(hash)"
        try store.update(.statefulSets, namespace: key.namespace, name: key.name, part: .status) { old in
            let complete = updated.count == wanted && ready.count == wanted
            var new = old
            new["status"] = [
                "observedGeneration": .integer(set.generation), "replicas": .integer(Int64(now.count)),
                "readyReplicas": .integer(Int64(ready.count)), "availableReplicas": .integer(Int64(ready.count)),
                "currentReplicas": .integer(Int64(complete ? updated.count : now.count - updated.count)),
                "updatedReplicas": .integer(Int64(updated.count)), "updateRevision": .string(revision),
                "currentRevision": complete
                    ? .string(revision) : old.at("status", "currentRevision") ?? .string(revision), "collisionCount": 0,
            ]
            return new
        }
    }

    /// One step: comes back whenever there is something to wait for.
    private func work(
        _ set: JSONValue,
        _ pods: [JSONValue],
        _ wanted: Int,
        _ hash: String,
        parallel: Bool
    )
        async throws(StatusError)
    {
        let byName = Dictionary(pods.map { ($0.name, $0) }) { first, _ in first }
        for ordinal in 0..<wanted {
            let name = "\(set.name)-\(ordinal)"
            guard let pod = byName[name] else {
                try await self.api.create(.pods, self.pod(set, name, ordinal, hash), namespace: set.namespace)
                self.events.record(set, "SuccessfulCreate", "create Pod \(name) in StatefulSet \(set.name) successful")
                if parallel { continue }
                return
            }
            if ["Failed", "Succeeded"].contains(pod.at("status", "phase")?.string ?? ""), !pod.isTerminating {
                _ = try? await self.api.delete(.pods, namespace: set.namespace, name: name)
            }
            if !parallel, pod.isTerminating || pod.readySince == nil {
                // A pod of an old revision that never gets ready would block its own repair.
                if pod.readySince == nil, !pod.isTerminating, pod.labels["controller-revision-hash"] != hash {
                    _ = try? await self.api.delete(.pods, namespace: set.namespace, name: name)
                }
                return
            }
        }
        let surplus = pods.filter { Self.ordinal($0, set) >= wanted }.sorted {
            Self.ordinal($0, set) > Self.ordinal($1, set)
        }
        for pod in surplus {
            if !pod.isTerminating { _ = try? await self.api.delete(.pods, namespace: set.namespace, name: pod.name) }
            if !parallel { return }
        }
        guard set.at("spec", "updateStrategy", "type")?.string != "OnDelete" else { return }
        let first = set.at("spec", "updateStrategy", "rollingUpdate", "partition")?.int ?? 0
        for ordinal in (first..<max(first, wanted)).reversed() {
            guard let pod = byName["\(set.name)-\(ordinal)"] else { return }
            if pod.labels["controller-revision-hash"] != hash {
                if !pod.isTerminating {
                    _ = try? await self.api.delete(.pods, namespace: set.namespace, name: pod.name)
                }
                return
            }
            if pod.readySince == nil { return }
        }
    }

    private static func ordinal(_ pod: JSONValue, _ set: JSONValue) -> Int {
        Int(pod.name.dropFirst(set.name.utf8.count + 1)) ?? 0
    }

    private func pod(_ set: JSONValue, _ name: String, _ ordinal: Int, _ hash: String) -> JSONValue {
        let template = set.at("spec", "template") ?? .emptyObject
        let labels = [
            "controller-revision-hash": hash, "statefulset.kubernetes.io/pod-name": name,
            "apps.kubernetes.io/pod-index": String(ordinal),
        ]
        var pod = template.pod(owner: set, .statefulSets, name: name, labels: labels)
        pod.set("spec", "hostname", to: .string(name))
        if let service = set.at("spec", "serviceName") { pod.set("spec", "subdomain", to: service) }
        // There are no disks here: a claim is kept in memory, as long as its pod.
        let claims = (set.at("spec", "volumeClaimTemplates")?.array ?? []).map { claim -> JSONValue in
            ["name": .string(claim.name), "emptyDir": .emptyObject]
        }
        if !claims.isEmpty {
            self.events.record(
                set,
                "ClaimsInMemory",
                "the sandbox keeps volume claims in memory, as long as their pod",
                warning: true
            )
            pod.set("spec", "volumes", to: .array((pod.at("spec", "volumes")?.array ?? []) + claims))
        }
        return pod
    }
}
