import Actor
import Message

/// A cluster in memory: in each namespace `n<I>` one Deployment `w<I>`, whose pods have agents already.
///
/// How many pods there are is in the namespace's name: `n<I>-<PODS>`.
struct EvenCluster: ManagedCluster {
    /// The port that all of them serve.
    static let port: UInt16 = 8080
    /// One more, which only the benchmark of the agent has.
    static let http2Port: UInt16 = 8081

    /// The workload number `number`, of `pods` pods.
    static func key(_ number: Int, pods: Int) -> WorkloadKey {
        WorkloadKey(kind: "Deployment", name: "w\(number)", namespace: "n\(number)-\(pods)")
    }

    /// The name of a pod of a workload.
    static func pod(_ number: Int, of workload: WorkloadKey) -> String { "\(workload.name)-\(number)" }

    private static func parts(_ namespace: String) throws(ManagerFailure) -> (key: WorkloadKey, pods: Int) {
        let parts = namespace.dropFirst().split(separator: "-").compactMap { Int($0) }
        guard parts.count == 2 else { throw ManagerFailure(.notFound, "no namespace \(namespace)") }
        return (key(parts[0], pods: parts[1]), parts[1])
    }

    func workloads(namespace: String) async throws(ManagerFailure) -> [WorkloadFacts] {
        let (key, pods) = try Self.parts(namespace)
        let ports: [WorkloadFacts.Port] = [
            .init(name: "http", number: Self.port), .init(name: "h2c", number: Self.http2Port),
        ]
        let container = WorkloadFacts.Container(name: "app", ports: ports)
        return [
            WorkloadFacts(key: key, labels: ["app": key.name], containers: [container], replicas: pods, ready: pods)
        ]
    }

    func services(namespace: String) async throws(ManagerFailure) -> [ServiceFacts] {
        let (key, _) = try Self.parts(namespace)
        let ports = [
            ServiceFacts.Port(name: "http", number: 80, target: "http"),
            ServiceFacts.Port(name: "h2c", number: 81, target: "h2c"),
        ]
        return [ServiceFacts(name: key.name, selector: ["app": key.name], ports: ports)]
    }

    func follow(_ workload: WorkloadKey) -> AsyncStream<Result<PodPicture, ManagerFailure>> {
        AsyncStream { stream in
            do throws(ManagerFailure) {
                let (key, pods) = try Self.parts(workload.namespace)
                let facts = (0..<pods).map { PodFacts(name: Self.pod($0, of: key), ready: true, hasAgent: true) }
                stream.yield(.success(PodPicture(pods: facts)))
            } catch {
                stream.yield(.failure(error))
                stream.finish()
            }
        }
    }

    func pod(at place: SeenPod.Place) async throws(ManagerFailure) -> SeenPod? {
        SeenPod(place: place, uid: "uid-of-\(place.name)")
    }

    func perform(_ step: PodStep, of workload: WorkloadKey) async throws(ManagerFailure) {}

    func letGo(of workload: WorkloadKey) async {}

    var noInjector: String? { nil }

    func testWebhook() async -> String { "" }

    func clusterInfo() async throws(ManagerFailure) -> ClusterInfo {
        ClusterInfo(serviceSubnets: ["10.96.0.0/16"], podSubnets: ["10.244.0.0/16"], clusterDomain: "cluster.local")
    }
}
