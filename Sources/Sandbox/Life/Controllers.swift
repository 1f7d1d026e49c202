/// All of the cluster's controllers.
struct Controllers: Sendable {
    let api: ObjectAPI

    /// Works until its task is cancelled.
    func run() async {
        let api = self.api
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await DeploymentController(api: api).run() }
            group.addTask { await ReplicaSetController(api: api).run() }
            group.addTask { await StatefulSetController(api: api).run() }
            group.addTask { await DaemonSetController(api: api).run() }
            group.addTask { await JobController(api: api).run() }
            group.addTask { await EndpointsController(api: api).run() }
            group.addTask { await DisruptionController(api: api).run() }
            group.addTask { await ResourceQuotaController(api: api).run() }
            group.addTask { await GarbageCollector(api: api).run() }
            group.addTask { await NamespaceController(api: api).run() }
        }
    }
}
