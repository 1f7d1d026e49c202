package import Message

/// The cluster as the traffic manager sees and changes it.
package protocol ManagedCluster: Sendable {
    /// The workloads of a namespace that are not owned by another workload: Deployments, StatefulSets, ReplicaSets,
    /// DaemonSets, Jobs, and pods of their own.
    ///
    /// - Throws: `notFound` when there is no such namespace.
    func workloads(namespace: String) async throws(ManagerFailure) -> [WorkloadFacts]
    /// The services of a namespace.
    func services(namespace: String) async throws(ManagerFailure) -> [ServiceFacts]
    /// Follows the pods of a workload: as they are, then after each change.
    ///
    /// The stream ends after a failure, or when nobody reads it any more.
    func follow(_ workload: WorkloadKey) -> AsyncStream<Result<PodPicture, ManagerFailure>>
    /// Changes a pod of a workload; a pod that is gone already is a success.
    ///
    /// - Throws: `exhausted` while a disruption budget forbids it; `precondition` where the pod cannot be changed so.
    func perform(_ step: PodStep, of workload: WorkloadKey) async throws(ManagerFailure)
    /// The replacement of a workload's pods is over, well or not: what it has left half done may be tidied up.
    func letGo(of workload: WorkloadKey) async
    /// The pod of a name at this moment; nil where there is none.
    func pod(at place: SeenPod.Place) async throws(ManagerFailure) -> SeenPod?
    /// Subnets, DNS and namespaces at present.
    func clusterInfo() async throws(ManagerFailure) -> ClusterInfo
    /// Why no new pod ever gets an agent, by the administrator's choice; nil where they do.
    var noInjector: String? { get }
    /// Finds out whether new pods pass the admission webhook.
    ///
    /// - Returns: What is wrong; empty when they do.
    func testWebhook() async -> String
}
