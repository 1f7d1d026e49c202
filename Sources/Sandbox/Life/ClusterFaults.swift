import Cluster
import Synchronization

/// Has things go wrong in a cluster that runs, as orders say.
///
/// Concurrency model: an actor; orders are obeyed one after the other.
actor ClusterFaults {
    private let api: ObjectAPI
    private let injector: FaultInjector
    private let frontend: APIFrontend
    private let kubelet: Kubelet
    private let node: NodeContext
    private var losing: (share: Double, addresses: [String]) = (0, [])

    init(api: ObjectAPI, injector: FaultInjector, frontend: APIFrontend, kubelet: Kubelet, node: NodeContext) {
        self.api = api
        self.injector = injector
        self.frontend = frontend
        self.kubelet = kubelet
        self.node = node
    }

    /// Obeys an order; comes back when it is in force.
    func obey(_ order: FaultOrder) async {
        let before = self.injector.plan
        self.injector.plan = order.plan
        self.injector.sever()
        self.api.tokens.bound(lifetime: order.plan.tokenLifetime > 0 ? Int64(order.plan.tokenLifetime) : nil)
        if before.tokenLifetime != order.plan.tokenLifetime { await self.kubelet.refreshTokens() }
        await self.loseNow()
        for action in order.actions {
            switch action {
            case .cutWatches: self.injector.cutWatches()
            case .expireTokens:
                self.api.tokens.expireAll()
                await self.kubelet.refreshTokens()
            case .restartAPI:
                do {
                    try await self.frontend.restart(downtime: .milliseconds(order.downtime))
                } catch {
                    StandardError.write("sandbox: the API server could not listen again: \(error)")
                }
            }
        }
    }

    /// Keeps the rules that lose packets in step with the pods, until its task is cancelled.
    func run() async {
        for await _ in self.api.store.watch(.pods) where self.injector.plan.podLoss > 0 { await self.loseNow() }
    }

    private func loseNow() async {
        let plan = self.injector.plan
        let addresses = self.api.store.items(.pods).filter { pod in
            let name = "\(pod.namespace)/\(pod.name)"
            return pod.at("spec", "hostNetwork")?.bool != true
                && (plan.pods.isEmpty || plan.pods.contains { name.hasPrefix($0) })
        }.compactMap { $0.at("status", "podIP")?.string }
        let wanted = plan.podLoss > 0 ? (plan.podLoss, Array(Set(addresses)).sorted()) : (0, [])
        guard wanted != self.losing else { return }
        self.losing = wanted
        let script = PodLossTable.script(share: wanted.0, addresses: wanted.1)
        let network = self.node.network
        let problem = await self.node.blocking { () -> String? in
            let result = try? network.execute(["nft", "-f", "-"], input: script)
            return result?.status == 0 ? nil : result?.error ?? "nft did not run"
        }
        if let problem { StandardError.write("sandbox: the rules that lose packets could not be set: \(problem)") }
    }
}
