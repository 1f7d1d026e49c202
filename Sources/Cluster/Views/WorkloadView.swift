/// A Deployment, ReplicaSet, StatefulSet, DaemonSet or Job, as far as it matters here.
package struct WorkloadView: ObjectView {
    package let object: JSONValue
    /// `Deployment`, `ReplicaSet` or `StatefulSet`; items of lists do not say it themselves.
    package let kind: String

    package init(_ object: JSONValue, kind: String) {
        self.object = object
        self.kind = kind
    }

    /// How many pods there are to be.
    package var replicas: Int {
        switch kind {
        case "DaemonSet": object.at("status", "desiredNumberScheduled")?.int ?? 0
        case "Job": object.at("status", "active")?.int ?? 0
        default: object.at("spec", "replicas")?.int ?? 1
        }
    }

    package var readyReplicas: Int {
        switch kind {
        case "DaemonSet": object.at("status", "numberReady")?.int ?? 0
        case "Job": object.at("status", "ready")?.int ?? 0
        default: object.at("status", "readyReplicas")?.int ?? 0
        }
    }

    /// For how long a pod must have been ready before it counts.
    package var minReadySeconds: Int { max(0, object.at("spec", "minReadySeconds")?.int ?? 0) }

    /// How many pods more than wanted a Deployment may have while its pods are replaced; 0 when it must not.
    package var surge: Int {
        guard object.at("spec", "strategy", "type")?.string != "Recreate" else { return 0 }
        guard let value = object.at("spec", "strategy", "rollingUpdate", "maxSurge") else { return share("25%") }
        return value.int.map { max(0, $0) } ?? share(value.string ?? "25%")
    }

    /// A share of the replicas, rounded up.
    private func share(_ text: String) -> Int {
        guard text.hasSuffix("%"), let percent = Int(text.dropLast()), 0...100_000 ~= percent else { return 0 }
        return (min(replicas, 1_000_000) * percent + 99) / 100
    }

    /// The pod template, with `metadata` and `spec` like a pod.
    package var template: PodView { PodView(object.at("spec", "template") ?? .emptyObject) }

    /// The labels that choose its pods (`matchLabels` alone).
    package var matchLabels: [String: String] { object.at("spec", "selector", "matchLabels")?.stringMap ?? [:] }
}
