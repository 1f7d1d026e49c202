import Cluster

/// Makes ReplicaSets of Deployments, moves replicas from the old to the new one, and reports.
struct DeploymentController: Sendable {
    private static let revision = "deployment.kubernetes.io/revision"

    let api: ObjectAPI
    let events: EventRecorder

    init(api: ObjectAPI) {
        self.api = api
        self.events = EventRecorder(store: api.store, component: "deployment-controller")
    }

    /// Works until its task is cancelled.
    func run() async {
        let loop = ControllerLoop("deployment", store: self.api.store)
        loop.watchOwn(.deployments)
        loop.watchOwned(.replicaSets, by: .deployments)
        loop.watchOrphans(.replicaSets)
        // With strategy Recreate the end of the last old pod lets the new ones begin; its set is counted without it before that.
        loop.watch(.pods) { event in
            guard event.change == .deleted, let owner = event.object.controller?["name"]?.string,
                let dash = owner.lastIndex(of: "-")
            else { return [] }
            return [ObjectKey(namespace: event.object.namespace, name: String(owner[..<dash]))]
        }
        await loop.run { key throws(StatusError) in
            if key.name.isEmpty { return loop.addAll(.deployments, in: key.namespace, of: self.api.store) }
            try await self.reconcile(key, loop)
        }
    }

    private func reconcile(_ key: ObjectKey, _ loop: ControllerLoop) async throws(StatusError) {
        let store = self.api.store
        guard let deployment = store.find(.deployments, namespace: key.namespace, name: key.name),
            !deployment.isTerminating
        else { return }
        let owned = Claims.settle(deployment, .deployments, .replicaSets, store: store).sorted {
            Self.revision($0) < Self.revision($1)
        }
        let template = deployment.at("spec", "template") ?? .emptyObject
        let hash = template.contentHash
        let name = "\(deployment.name)-\(hash)"
        let desired = max(0, min(deployment.at("spec", "replicas")?.int ?? 1, 1_000_000))
        var current = owned.first { $0.name == name }
        let old = owned.filter { $0.name != name }
        let paused = deployment.at("spec", "paused")?.bool ?? false
        let newest = (owned.map(Self.revision).max() ?? 0) + 1
        if current == nil, !paused {
            current = try await self.make(deployment, template, name, hash, revision: newest)
        } else if let present = current, Self.revision(present) + 1 < newest, !paused {
            current = try self.annotate(present, newest)
        }
        if let current {
            try await self.scale(deployment, current, old, desired)
            try self.note(deployment, Self.revision(current))
        } else if let last = old.last, paused {
            try self.scale(deployment, last, to: desired)
        }
        try self.report(deployment, current?.name, desired, loop)
        try await self.forget(deployment, old)
    }

    private static func revision(_ set: JSONValue) -> Int { set.annotations[self.revision].flatMap { Int($0) } ?? 0 }

    private func make(
        _ deployment: JSONValue,
        _ template: JSONValue,
        _ name: String,
        _ hash: String,
        revision: Int
    )
        async throws(StatusError) -> JSONValue
    {
        var template = template
        template.set("metadata", "labels", "pod-template-hash", to: .string(hash))
        var selector = deployment.at("spec", "selector") ?? .emptyObject
        selector.set("matchLabels", "pod-template-hash", to: .string(hash))
        var annotations = deployment.annotations
        annotations["kubectl.kubernetes.io/last-applied-configuration"] = nil
        annotations[Self.revision] = String(revision)
        var spec: JSONValue = ["replicas": 0, "selector": selector, "template": template]
        spec["minReadySeconds"] = deployment.at("spec", "minReadySeconds")
        return try await self.api.create(
            .replicaSets,
            [
                "metadata": [
                    "name": .string(name), "labels": template.at("metadata", "labels") ?? .emptyObject,
                    "annotations": JSONValue(stringMap: annotations),
                    "ownerReferences": [deployment.ownerReference(.deployments)],
                ], "spec": spec,
            ],
            namespace: deployment.namespace
        )
    }

    private func annotate(_ set: JSONValue, _ revision: Int) throws(StatusError) -> JSONValue {
        try self.api.store.update(.replicaSets, namespace: set.namespace, name: set.name) { old in
            var set = old
            set.set("metadata", "annotations", Self.revision, to: .string(String(revision)))
            return set
        }
    }

    private func note(_ deployment: JSONValue, _ revision: Int) throws(StatusError) {
        guard deployment.annotations[Self.revision] != String(revision) else { return }
        try self.api.store.update(.deployments, namespace: deployment.namespace, name: deployment.name) { old in
            var deployment = old
            deployment.set("metadata", "annotations", Self.revision, to: .string(String(revision)))
            return deployment
        }
    }

    // MARK: Scaling

    private func scale(
        _ deployment: JSONValue,
        _ current: JSONValue,
        _ old: [JSONValue],
        _ desired: Int
    )
        async throws(StatusError)
    {
        if deployment.at("spec", "strategy", "type")?.string == "Recreate" {
            for set in old { try self.scale(deployment, set, to: 0) }
            let pods = self.api.store.items(.pods, namespace: deployment.namespace)
            let left = old.flatMap { $0.controlled(pods) }
                .contains { !["Succeeded", "Failed"].contains($0.at("status", "phase")?.string ?? "") }
            if !left { try self.scale(deployment, current, to: desired) }
            return
        }
        func text(_ name: String) -> String {
            let value = deployment.at("spec", "strategy", "rollingUpdate", name)
            return value?.string ?? value?.int.map(String.init) ?? "25%"
        }
        let rules = RollingUpdate(desired: desired, surge: text("maxSurge"), unavailable: text("maxUnavailable"))
        let step = rules.step(new: Self.replicas(current), old: old.map(Self.replicas))
        try self.scale(deployment, current, to: step.new)
        for (set, wanted) in zip(old, step.old) { try self.scale(deployment, set, to: wanted) }
    }

    private static func replicas(_ set: JSONValue) -> RollingUpdate.Replicas {
        RollingUpdate.Replicas(
            wanted: set.at("spec", "replicas")?.int ?? 0,
            available: set.at("status", "availableReplicas")?.int ?? 0,
            present: set.at("status", "replicas")?.int ?? 0
        )
    }

    private func scale(_ deployment: JSONValue, _ set: JSONValue, to wanted: Int) throws(StatusError) {
        let before = set.at("spec", "replicas")?.int ?? 0
        guard before != wanted else { return }
        try self.api.store.update(.replicaSets, namespace: set.namespace, name: set.name) { old in
            var set = old
            set.set("spec", "replicas", to: .integer(Int64(wanted)))
            return set
        }
        let direction = wanted > before ? "up" : "down"
        self.events.record(
            deployment,
            "ScalingReplicaSet",
            "Scaled \(direction) replica set \(set.name) from \(before) to \(wanted)"
        )
    }

    // MARK: Status

    private func report(
        _ deployment: JSONValue,
        _ current: String?,
        _ desired: Int,
        _ loop: ControllerLoop
    )
        throws(StatusError)
    {
        let store = self.api.store
        let sets = deployment.controlled(store.items(.replicaSets, namespace: deployment.namespace))
        func sum(_ field: String, _ only: String? = nil) -> Int {
            sets.filter { only == nil || $0.name == only }.reduce(0) { $0 + ($1.at("status", field)?.int ?? 0) }
        }
        let total = sum("replicas")
        let available = sum("availableReplicas")
        let updated = current.map { sum("replicas", $0) } ?? 0
        let uid = deployment.uid
        let rules = RollingUpdate(
            desired: desired,
            surge: "0",
            unavailable: deployment.at("spec", "strategy", "rollingUpdate", "maxUnavailable").map {
                $0.string ?? $0.int.map(String.init) ?? "25%"
            } ?? "0"
        )
        let least =
            deployment.at("spec", "strategy", "type")?.string == "Recreate" ? desired : desired - rules.unavailable
        let complete = updated == desired && total == desired && available == desired
        let name = current ?? ""
        let limit = deployment.at("spec", "progressDeadlineSeconds")?.integer ?? 600
        try store.update(.deployments, namespace: deployment.namespace, name: deployment.name, part: .status) {
            old throws(StatusError) in
            guard old.uid == uid else { return old }
            var status: JSONValue = [
                "observedGeneration": .integer(deployment.generation), "replicas": .integer(Int64(total)),
                "updatedReplicas": .integer(Int64(updated)), "readyReplicas": .integer(Int64(sum("readyReplicas"))),
                "availableReplicas": .integer(Int64(available)),
                "unavailableReplicas": .integer(Int64(max(0, total - available, desired - available))),
            ]
            // Zeros are left out, as Kubernetes does.
            for (key, value) in status.object ?? [:] where value.int == 0 && key != "observedGeneration" {
                status[key] = nil
            }
            var conditions = old.at("status", "conditions")?.array ?? []
            conditions =
                available >= least
                ? Conditions.set(
                    conditions,
                    "Available",
                    true,
                    "MinimumReplicasAvailable",
                    "Deployment has minimum availability."
                )
                : Conditions.set(
                    conditions,
                    "Available",
                    false,
                    "MinimumReplicasUnavailable",
                    "Deployment does not have minimum availability."
                )
            let before = conditions.first { $0["type"]?.string == "Progressing" }
            let moved =
                old.at("status", "updatedReplicas")?.int ?? 0 != updated
                || old.at("status", "availableReplicas")?.int ?? 0 != available
                || old.at("status", "observedGeneration")?.integer != deployment.generation
            if complete {
                conditions = Conditions.set(
                    conditions,
                    "Progressing",
                    true,
                    "NewReplicaSetAvailable",
                    "ReplicaSet \"\(name)\" has successfully progressed."
                )
            } else if moved || before == nil || before?["reason"]?.string == "NewReplicaSetAvailable" {
                conditions.removeAll { $0["type"]?.string == "Progressing" && moved }
                conditions = Conditions.set(
                    conditions,
                    "Progressing",
                    true,
                    "ReplicaSetUpdated",
                    "ReplicaSet \"\(name)\" is progressing."
                )
            } else if let since = before?["lastUpdateTime"]?.string.flatMap(Timestamp.parse),
                Timestamp.seconds() - since >= limit
            {
                conditions = Conditions.set(
                    conditions,
                    "Progressing",
                    false,
                    "ProgressDeadlineExceeded",
                    "ReplicaSet \"\(name)\" has timed out progressing."
                )
            }
            // What keeps the ReplicaSets from making pods is the deployment's trouble too.
            let failure = sets.flatMap { $0.at("status", "conditions")?.array ?? [] }.first {
                $0["type"]?.string == "ReplicaFailure" && $0["status"]?.string == "True"
            }
            if let failure {
                conditions = Conditions.set(
                    conditions,
                    "ReplicaFailure",
                    true,
                    failure["reason"]?.string ?? "",
                    failure["message"]?.string ?? ""
                )
            } else {
                conditions.removeAll { $0["type"]?.string == "ReplicaFailure" }
            }
            status["conditions"] = .array(conditions)
            var new = old
            new["status"] = status
            return new
        }
        if !complete { loop.add(ObjectKey(deployment), after: .seconds(max(1, min(limit, 30)))) }
    }

    private func forget(_ deployment: JSONValue, _ old: [JSONValue]) async throws(StatusError) {
        let limit = deployment.at("spec", "revisionHistoryLimit")?.int ?? 10
        let idle = old.filter {
            $0.at("spec", "replicas")?.int ?? 0 == 0 && $0.at("status", "replicas")?.int ?? 0 == 0 && !$0.isTerminating
        }
        for set in idle.prefix(max(0, idle.count - limit)) {
            _ = try? await self.api.delete(.replicaSets, namespace: set.namespace, name: set.name)
        }
    }
}
