import Cluster

/// Says in the status of ResourceQuota objects what is used of them.
struct ResourceQuotaController: Sendable {
    let api: ObjectAPI

    /// Works until its task is cancelled.
    func run() async {
        let store = self.api.store
        let loop = ControllerLoop("resourcequota", store: store)
        loop.watchOwn(.resourceQuotas)
        for kind in [ResourceKind.pods, .services, .configMaps, .secrets, .deployments] {
            loop.watch(kind) { [ObjectKey(namespace: $0.object.namespace, name: "")] }
        }
        await loop.run { key throws(StatusError) in
            for quota in store.items(.resourceQuotas, namespace: key.namespace) {
                let used = ResourceQuotas.used(quota, store: store)
                try store.update(.resourceQuotas, namespace: quota.namespace, name: quota.name, part: .status) { old in
                    var new = old
                    new["status"] = [
                        "hard": old.at("spec", "hard") ?? .emptyObject,
                        "used": JSONValue(
                            stringMap: Dictionary(
                                uniqueKeysWithValues: used.map { ($0.key, ResourceQuotas.text($0.key, $0.value)) }
                            )
                        ),
                    ]
                    return new
                }
            }
        }
    }
}
