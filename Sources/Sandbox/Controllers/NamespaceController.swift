import Cluster

/// Empties namespaces that are being deleted, and lets them go.
struct NamespaceController: Sendable {
    let api: ObjectAPI

    /// Works until its task is cancelled.
    func run() async {
        let loop = ControllerLoop("namespace", store: self.api.store)
        loop.watchOwn(.namespaces)
        await loop.run { key throws(StatusError) in
            guard let namespace = self.api.store.find(.namespaces, name: key.name), namespace.isTerminating else {
                return
            }
            var left = 0
            for kind in ResourceKind.all where kind.namespaced && kind.stored {
                for object in self.api.store.items(kind, namespace: key.name) {
                    left += 1
                    if object.isTerminating { continue }
                    _ = try? await self.api.delete(kind, namespace: key.name, name: object.name)
                }
            }
            if left == 0 {
                try self.api.finalize(namespace: key.name)
            } else {
                loop.add(key, after: .milliseconds(30))
            }
        }
    }
}
