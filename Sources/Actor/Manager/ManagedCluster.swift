package import Message

/// The cluster as the traffic manager sees and changes it.
package protocol ManagedCluster: Sendable {
    /// Deployments, StatefulSets and ReplicaSets of a namespace that are not owned by another workload.
    ///
    /// - Throws: `notFound` when there is no such namespace.
    func workloads(namespace: String) async throws(ManagerFailure) -> [WorkloadFacts]
    /// The services of a namespace.
    func services(namespace: String) async throws(ManagerFailure) -> [ServiceFacts]
    /// The pods of a workload.
    func pods(of workload: WorkloadKey) async throws(ManagerFailure) -> [PodFacts]
    /// Evicts a pod; a pod that is gone already is a success.
    ///
    /// - Throws: `exhausted` while a disruption budget forbids it.
    func evict(pod: String, namespace: String) async throws(ManagerFailure)
    /// Subnets, DNS and namespaces at present.
    func clusterInfo() async throws(ManagerFailure) -> ClusterInfo
}
