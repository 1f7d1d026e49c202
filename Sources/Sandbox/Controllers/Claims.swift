import Cluster

/// Which objects belong to a controller: as labels change, it lets go of some and adopts others, as Kubernetes does.
enum Claims {
    /// The objects of a kind that `owner` controls, after letting go of those that its selector does not match any more, and
    /// adopting orphans that it matches.
    ///
    /// `adoptable` may refuse orphans for further reasons.
    static func settle(
        _ owner: JSONValue,
        _ ownerKind: ResourceKind,
        _ kind: ResourceKind,
        store: ObjectStore,
        adoptable: (JSONValue) -> Bool = { _ in true }
    ) -> [JSONValue] {
        let selector = LabelSelector(owner.at("spec", "selector"))
        var claimed: [JSONValue] = []
        for object in store.items(kind, namespace: owner.namespace) {
            if let controller = object.controller {
                guard controller["uid"]?.string == owner.uid else { continue }
                if selector.matches(object) {
                    claimed.append(object)
                } else if !owner.isTerminating, !object.isTerminating {
                    self.release(object, kind, owner, store)
                } else {
                    continue
                }
            } else if !owner.isTerminating, !object.isTerminating, selector.matches(object), adoptable(object) {
                if let adopted = self.adopt(object, kind, owner, ownerKind, store) { claimed.append(adopted) }
            }
        }
        return claimed
    }

    private static func release(_ object: JSONValue, _ kind: ResourceKind, _ owner: JSONValue, _ store: ObjectStore) {
        _ = try? store.update(kind, namespace: object.namespace, name: object.name) { old in
            guard old.uid == object.uid else { return old }
            var new = old
            let left = old.ownerReferences.filter { $0["uid"]?.string != owner.uid }
            new.set("metadata", "ownerReferences", to: left.isEmpty ? nil : .array(left))
            return new
        }
    }

    /// Nil when somebody else was faster, or the object has changed in the meantime.
    private static func adopt(
        _ object: JSONValue,
        _ kind: ResourceKind,
        _ owner: JSONValue,
        _ ownerKind: ResourceKind,
        _ store: ObjectStore
    ) -> JSONValue? {
        let selector = LabelSelector(owner.at("spec", "selector"))
        let adopted = try? store.update(kind, namespace: object.namespace, name: object.name) { old in
            guard old.uid == object.uid, old.controller == nil, !old.isTerminating, selector.matches(old) else {
                return old
            }
            var new = old
            let all = old.ownerReferences + [owner.ownerReference(ownerKind)]
            new.set("metadata", "ownerReferences", to: .array(all))
            return new
        }
        guard let adopted, adopted.controller?["uid"]?.string == owner.uid else { return nil }
        return adopted
    }
}

extension ControllerLoop {
    /// Queues, for every orphan of a kind that comes or changes, all owners of its namespace: any of them may adopt it.
    ///
    /// The queue gets the namespace with an empty name, which ``addAll(_:in:of:)`` resolves.
    func watchOrphans(_ kind: ResourceKind) {
        self.watch(kind) { event in
            guard event.change != .deleted, event.object.controller == nil, !event.object.isTerminating else {
                return []
            }
            return [ObjectKey(namespace: event.object.namespace, name: "")]
        }
    }

    /// Queues every object of a kind in a namespace.
    func addAll(_ kind: ResourceKind, in namespace: String, of store: ObjectStore) {
        for object in store.items(kind, namespace: namespace) { self.add(ObjectKey(object)) }
    }
}
