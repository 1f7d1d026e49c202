import Actor
import Message

/// A cluster in memory: replacing a pod takes it away and calls for its successor.
actor MemoryCluster: ManagedCluster {
    var workloads: [WorkloadFacts] = []
    var services: [ServiceFacts] = []
    var pods: [WorkloadKey: [PodFacts]] = [:]
    /// Pods that were evicted or released.
    var replaced: [String] = []
    var steps: [PodStep] = []
    var info = ClusterInfo(serviceSubnets: ["10.96.0.0/16"], clusterDomain: "cluster.local")
    var webhookProblem = ""
    nonisolated let noInjector: String?
    /// What it says of single pods where that is other than of workloads; nil is a pod that is gone.
    var single: [SeenPod.Place: SeenPod?] = [:]
    /// How often it was asked for a single pod.
    private(set) var questions = 0
    /// How often it fails to say anything of a single pod.
    var failures = 0
    /// Told of a replacement; makes the new pod, or does not.
    var onReplace: (@Sendable (MemoryCluster, String) async -> Void)?
    /// Steps that cannot be taken.
    var faults: [PodStep: ManagerFailure] = [:]
    /// Workloads whose replacement is over.
    private(set) var over: [WorkloadKey] = []
    /// Evictions to refuse first, as a disruption budget would.
    var refusals = 0
    private var followers: [(WorkloadKey, AsyncStream<Result<PodPicture, ManagerFailure>>.Continuation)] = []

    init(noInjector: String? = nil) { self.noInjector = noInjector }

    func add(
        _ name: String,
        pods names: [String],
        hasAgent: Bool = false,
        replicas: Int? = nil,
        manner: ReplacementManner = .inPlace
    ) {
        let key = WorkloadKey(kind: "Deployment", name: name, namespace: "default")
        workloads.append(
            WorkloadFacts(
                key: key,
                labels: ["app": name],
                containers: [.init(name: "main", ports: [.init(name: "http", number: 8080)])],
                replicas: replicas ?? names.count,
                ready: names.count,
                manner: manner
            )
        )
        services.append(
            ServiceFacts(name: name, selector: ["app": name], ports: [.init(name: "http", number: 80, target: "http")])
        )
        pods[key] = names.map { PodFacts(name: $0, ready: true, hasAgent: hasAgent) }
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
        tell()
    }

    func replace(_ pod: String, by new: PodFacts) {
        for (key, list) in pods where list.contains(where: { $0.name == pod }) {
            pods[key] = list.filter { $0.name != pod } + [new]
        }
        tell()
    }

    func append(_ new: PodFacts, to name: String) {
        pods[WorkloadKey(kind: "Deployment", name: name, namespace: "default"), default: []].append(new)
        tell()
    }

    func set(onReplace: @escaping @Sendable (MemoryCluster, String) async -> Void, refusals: Int = 0) {
        self.onReplace = onReplace
        self.refusals = refusals
    }

    func set(_ pod: SeenPod?, at place: SeenPod.Place, failures: Int = 0) {
        single[place] = .some(pod)
        self.failures = failures
    }

    func pod(at place: SeenPod.Place) async throws(ManagerFailure) -> SeenPod? {
        questions += 1
        if failures > 0 {
            failures -= 1
            throw ManagerFailure(.unavailable, "busy")
        }
        // Of what it was not told it knows nothing bad.
        return single[place] ?? SeenPod(place: place, uid: "\(place.name)-uid")
    }

    func set(webhookProblem: String) { self.webhookProblem = webhookProblem }

    func workloads(namespace: String) async throws(ManagerFailure) -> [WorkloadFacts] {
        guard namespace == "default" else { throw ManagerFailure(.notFound, "no namespace \(namespace)") }
        return workloads
    }

    func services(namespace: String) async throws(ManagerFailure) -> [ServiceFacts] { services }

    nonisolated func follow(_ workload: WorkloadKey) -> AsyncStream<Result<PodPicture, ManagerFailure>> {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Result<PodPicture, ManagerFailure>.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        Task { await self.add(workload, continuation) }
        return stream
    }

    private func add(
        _ workload: WorkloadKey,
        _ continuation: AsyncStream<Result<PodPicture, ManagerFailure>>.Continuation
    ) {
        followers.append((workload, continuation))
        tell()
    }

    private func tell() {
        for (key, follower) in followers { follower.yield(.success(PodPicture(pods: pods[key] ?? []))) }
    }

    private func change(_ name: String, _ body: (inout PodFacts) -> Void) {
        for key in pods.keys {
            for index in (pods[key] ?? []).indices where pods[key]?[index].name == name {
                if var pod = pods[key]?[index] {
                    body(&pod)
                    pods[key]?[index] = pod
                }
            }
        }
        tell()
    }

    func set(_ fault: ManagerFailure, of step: PodStep) { faults[step] = fault }

    func letGo(of workload: WorkloadKey) { over.append(workload) }

    func perform(_ step: PodStep, of workload: WorkloadKey) async throws(ManagerFailure) {
        if let fault = faults[step] { throw fault }
        switch step {
        case .evict(let pod):
            if refusals > 0 {
                refusals -= 1
                throw ManagerFailure(.exhausted, "disruption budget")
            }
            replaced.append(pod)
            change(pod) {
                $0.terminating = true
                $0.ready = false
            }
        case .release(let pod):
            replaced.append(pod)
            change(pod) { $0.place = .released }
        case .retire(let pod): change(pod) { $0.place = .retired }
        case .restore(let pod): change(pod) { $0.place = .member }
        case .inject(let pod): change(pod) { $0.hasAgent = true }
        }
        steps.append(step)
        switch step {
        case .evict(let pod), .release(let pod), .inject(let pod): await onReplace?(self, pod)
        case .retire, .restore: break
        }
    }

    func clusterInfo() async throws(ManagerFailure) -> ClusterInfo { info }

    func testWebhook() async -> String { webhookProblem }
}
