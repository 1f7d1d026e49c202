/// A Deployment, ReplicaSet or StatefulSet, as far as it matters here.
package struct WorkloadView: ObjectView {
    package let object: JSONValue
    /// `Deployment`, `ReplicaSet` or `StatefulSet`; items of lists do not say it themselves.
    package let kind: String

    package init(_ object: JSONValue, kind: String) {
        self.object = object
        self.kind = kind
    }

    package var replicas: Int { object.at("spec", "replicas")?.int ?? 1 }
    package var readyReplicas: Int { object.at("status", "readyReplicas")?.int ?? 0 }

    /// The pod template, with `metadata` and `spec` like a pod.
    package var template: PodView { PodView(object.at("spec", "template") ?? .emptyObject) }

    /// The labels that choose its pods (`matchLabels` alone).
    package var matchLabels: [String: String] { object.at("spec", "selector", "matchLabels")?.stringMap ?? [:] }
}
