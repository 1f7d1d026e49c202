import Cluster

/// Keeps as many pods as a ReplicaSet asks for.
struct ReplicaSetController: Sendable {
    let api: ObjectAPI
    let events: EventRecorder

    init(api: ObjectAPI) {
        self.api = api
        self.events = EventRecorder(store: api.store, component: "replicaset-controller")
    }

    /// Works until its task is cancelled.
    func run() async {
        let loop = ControllerLoop("replicaset", store: self.api.store)
        loop.watchOwn(.replicaSets)
        loop.watchOwned(.pods, by: .replicaSets)
        loop.watchOrphans(.pods)
        await loop.run { key throws(StatusError) in
            if key.name.isEmpty { return loop.addAll(.replicaSets, in: key.namespace, of: self.api.store) }
            try await self.reconcile(key, loop)
        }
    }

    private func reconcile(_ key: ObjectKey, _ loop: ControllerLoop) async throws(StatusError) {
        let store = self.api.store
        guard let set = store.find(.replicaSets, namespace: key.namespace, name: key.name) else { return }
        var pods = Claims.settle(set, .replicaSets, .pods, store: store, adoptable: \.isActivePod)
            .filter(\.isActivePod)
        var failure: StatusError?
        if !set.isTerminating {
            let wanted = set.at("spec", "replicas")?.int ?? 1
            let template = set.at("spec", "template") ?? .emptyObject
            while pods.count < wanted {
                do throws(StatusError) {
                    let pod = try await self.api.create(
                        .pods,
                        template.pod(owner: set, .replicaSets, name: nil),
                        namespace: key.namespace
                    )
                    pods.append(pod)
                    self.events.record(set, "SuccessfulCreate", "Created pod: \(pod.name)")
                } catch {
                    self.events.record(set, "FailedCreate", "Error creating: \(error.message)", warning: true)
                    failure = error
                    break
                }
            }
            if pods.count > wanted {
                for pod in Self.inOrderOfDeletion(pods).prefix(pods.count - wanted) {
                    _ = try? await self.api.delete(.pods, namespace: key.namespace, name: pod.name)
                    self.events.record(set, "SuccessfulDelete", "Deleted pod: \(pod.name)")
                    pods.removeAll { $0.uid == pod.uid }
                }
            }
        }
        try self.report(set, pods, failure, loop)
        if let failure { throw failure }
    }

    /// Those that serve least go first: not bound, not ready, then the youngest.
    private static func inOrderOfDeletion(_ pods: [JSONValue]) -> [JSONValue] {
        pods.sorted { left, right in
            let leftReady = left.readySince
            let rightReady = right.readySince
            if (leftReady == nil) != (rightReady == nil) { return leftReady == nil }
            if let leftReady, let rightReady, leftReady != rightReady { return leftReady > rightReady }
            return left.at("metadata", "creationTimestamp")?.string ?? ""
                > right.at("metadata", "creationTimestamp")?.string ?? ""
        }
    }

    private func report(
        _ set: JSONValue,
        _ pods: [JSONValue],
        _ failure: StatusError?,
        _ loop: ControllerLoop
    )
        throws(StatusError)
    {
        let settle = set.at("spec", "minReadySeconds")?.integer ?? 0
        let now = Timestamp.seconds()
        let ready = pods.compactMap(\.readySince)
        let available = ready.filter { settle == 0 || now - $0 >= settle }
        if available.count < ready.count { loop.add(ObjectKey(set), after: .seconds(1)) }
        let uid = set.uid
        try self.api.store.update(.replicaSets, namespace: set.namespace, name: set.name, part: .status) {
            old throws(StatusError) in
            guard old.uid == uid else { return old }
            var status: JSONValue = [
                "replicas": .integer(Int64(pods.count)), "fullyLabeledReplicas": .integer(Int64(pods.count)),
                "readyReplicas": .integer(Int64(ready.count)), "availableReplicas": .integer(Int64(available.count)),
                "observedGeneration": .integer(set.generation),
            ]
            if let failure {
                status["conditions"] = .array(
                    Conditions.set(
                        old.at("status", "conditions")?.array ?? [],
                        "ReplicaFailure",
                        true,
                        "FailedCreate",
                        failure.message,
                        updated: false
                    )
                )
            }
            var new = old
            new["status"] = status
            return new
        }
    }
}
