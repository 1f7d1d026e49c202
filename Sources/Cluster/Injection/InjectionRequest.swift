/// A pod that may get an agent, and what has to be known about its surroundings.
package struct InjectionRequest: Sendable, Hashable {
    /// The workload that a pod belongs to.
    package struct Workload: Sendable, Hashable {
        /// `Deployment`, `StatefulSet`, `ReplicaSet`, `DaemonSet`, `Job` or `Pod`.
        package var kind: String
        package var name: String

        package init(kind: String, name: String) {
            self.kind = kind
            self.name = name
        }
    }

    /// The pod, as it is about to be made: name and address may still be missing.
    package var pod: JSONValue
    /// The pod's namespace, which the pod itself need not say.
    package var namespace: String
    package var workload: Workload
    /// Services of the namespace; those that do not select the pod are passed over.
    package var services: [JSONValue]
    /// The namespace's labels: they may forbid what an init container needs.
    package var namespaceLabels: [String: String]
    /// The containers that are not to run: the agent takes their place.
    package var replaced: Set<String>

    package init(
        pod: JSONValue,
        namespace: String,
        workload: Workload,
        services: [JSONValue],
        namespaceLabels: [String: String] = [:],
        replaced: Set<String> = []
    ) {
        self.pod = pod
        self.namespace = namespace
        self.workload = workload
        self.services = services
        self.namespaceLabels = namespaceLabels
        self.replaced = replaced
    }
}
