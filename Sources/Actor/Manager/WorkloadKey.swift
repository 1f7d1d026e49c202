/// Names one workload of a cluster.
package struct WorkloadKey: Sendable, Hashable, CustomStringConvertible {
    /// `Deployment`, `StatefulSet`, `ReplicaSet`, `DaemonSet`, `Job` or `Pod`.
    package let kind: String
    package let name: String
    package let namespace: String

    package init(kind: String, name: String, namespace: String) {
        self.kind = kind
        self.name = name
        self.namespace = namespace
    }

    package var description: String { "\(kind.lowercased()) \(name).\(namespace)" }
}
