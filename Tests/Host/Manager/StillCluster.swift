import Actor
import Message

/// A cluster with one workload, `web`, whose pods have agents already.
struct StillCluster: ManagedCluster {
    let pods: [String]
    let port: UInt16
    var transport = PortProtocol.tcp

    static let key = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")

    func workloads(namespace: String) async throws(ManagerFailure) -> [WorkloadFacts] {
        let container = WorkloadFacts.Container(
            name: "app",
            ports: [.init(name: "p", number: port, transport: transport)]
        )
        return [
            WorkloadFacts(
                key: Self.key,
                labels: ["app": "web"],
                containers: [container],
                replicas: pods.count,
                ready: pods.count
            )
        ]
    }

    func services(namespace: String) async throws(ManagerFailure) -> [ServiceFacts] {
        let port = ServiceFacts.Port(name: "p", number: 80, transport: transport, target: "p")
        return [ServiceFacts(name: "web", selector: ["app": "web"], ports: [port])]
    }

    func follow(_ workload: WorkloadKey) -> AsyncStream<Result<PodPicture, ManagerFailure>> {
        let picture = PodPicture(pods: pods.map { PodFacts(name: $0, ready: true, hasAgent: true) })
        return AsyncStream { $0.yield(.success(picture)) }
    }

    func perform(_ step: PodStep, of workload: WorkloadKey) async throws(ManagerFailure) {}

    func letGo(of workload: WorkloadKey) async {}

    func pod(at place: SeenPod.Place) async throws(ManagerFailure) -> SeenPod? {
        pods.contains(place.name) ? SeenPod(place: place, uid: place.name) : nil
    }

    var noInjector: String? { nil }

    func testWebhook() async -> String { "" }

    func clusterInfo() async throws(ManagerFailure) -> ClusterInfo { ClusterInfo(clusterDomain: "cluster.local") }
}
