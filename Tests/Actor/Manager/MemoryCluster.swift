import Actor
import Message

/// A cluster in memory: evicting a pod takes it away and calls for its successor.
actor MemoryCluster: ManagedCluster {
    var workloads: [WorkloadFacts] = []
    var services: [ServiceFacts] = []
    var pods: [WorkloadKey: [PodFacts]] = [:]
    var evicted: [String] = []
    var info = ClusterInfo(serviceSubnets: ["10.96.0.0/16"], clusterDomain: "cluster.local")
    /// Told of an eviction; makes the new pod, or does not.
    var onEvict: (@Sendable (MemoryCluster, String) async -> Void)?
    /// Evictions to refuse first, as a disruption budget would.
    var refusals = 0

    func add(_ name: String, pods names: [String], hasAgent: Bool = false, replicas: Int? = nil) {
        let key = WorkloadKey(kind: "Deployment", name: name, namespace: "default")
        workloads.append(
            WorkloadFacts(
                key: key,
                labels: ["app": name],
                containers: [.init(name: "main", ports: [.init(name: "http", number: 8080)])],
                replicas: replicas ?? names.count,
                ready: names.count
            )
        )
        services.append(
            ServiceFacts(name: name, selector: ["app": name], ports: [.init(name: "http", number: 80, target: "http")])
        )
        pods[key] = names.map { PodFacts(name: $0, ready: true, terminating: false, hasAgent: hasAgent) }
    }

    /// From now on it knows nothing.
    func clear() {
        workloads = []
        services = []
        pods = [:]
    }

    func set(_ info: ClusterInfo) {
        self.info = info
    }

    func setPods(_ name: String, _ list: [PodFacts]) {
        pods[WorkloadKey(kind: "Deployment", name: name, namespace: "default")] = list
    }

    func replace(_ pod: String, by new: PodFacts) {
        for (key, list) in pods where list.contains(where: { $0.name == pod }) {
            pods[key] = list.filter { $0.name != pod } + [new]
        }
    }

    func set(onEvict: @escaping @Sendable (MemoryCluster, String) async -> Void, refusals: Int = 0) {
        self.onEvict = onEvict
        self.refusals = refusals
    }

    func workloads(namespace: String) async throws(ManagerFailure) -> [WorkloadFacts] {
        guard namespace == "default" else { throw ManagerFailure(.notFound, "no namespace \(namespace)") }
        return workloads
    }

    func services(namespace: String) async throws(ManagerFailure) -> [ServiceFacts] { services }

    func pods(of workload: WorkloadKey) async throws(ManagerFailure) -> [PodFacts] { pods[workload] ?? [] }

    func evict(pod: String, namespace: String) async throws(ManagerFailure) {
        if refusals > 0 {
            refusals -= 1
            throw ManagerFailure(.exhausted, "disruption budget")
        }
        evicted.append(pod)
        for (key, list) in pods {
            pods[key] = list.map {
                $0.name == pod ? PodFacts(name: pod, ready: false, terminating: true, hasAgent: false) : $0
            }
        }
        await onEvict?(self, pod)
    }

    func clusterInfo() async throws(ManagerFailure) -> ClusterInfo { info }
}
