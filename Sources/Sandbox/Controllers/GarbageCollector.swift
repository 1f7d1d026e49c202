import Cluster

/// Deletes what has lost its owners, and holds owners back that are deleted in the foreground.
struct GarbageCollector: Sendable {
    let api: ObjectAPI

    /// Works until its task is cancelled.
    func run() async {
        let loop = ControllerLoop("garbage-collector", store: self.api.store)
        for kind in ResourceKind.all where kind.stored && kind != .events {
            // The key's namespace carries the kind: owners are looked up by uid anyway.
            loop.watch(kind) { event in
                let object = event.object
                if event.change == .deleted { return [ObjectKey(namespace: "gone", name: object.uid)] }
                var keys: [ObjectKey] = []
                if event.change == .added, !object.ownerReferences.isEmpty {
                    keys.append(ObjectKey(namespace: "orphan?", name: Self.path(kind, object)))
                }
                if object.isTerminating, !object.finalizers.isEmpty {
                    keys.append(ObjectKey(namespace: "held", name: Self.path(kind, object)))
                }
                return keys
            }
        }
        await loop.run { key throws(StatusError) in
            switch key.namespace {
            case "gone": await self.deleteDependents(of: key.name)
            case "orphan?":
                guard let (kind, object) = self.find(key.name) else { return }
                // By now it may have been let go of, which makes it nobody's to delete.
                if !object.isTerminating, !object.ownerReferences.isEmpty, self.owners(object).isEmpty {
                    await self.delete(kind, object)
                }
            default:
                guard let (kind, object) = self.find(key.name) else { return }
                try await self.finish(kind, object, loop, key)
            }
        }
    }

    private static func path(_ kind: ResourceKind, _ object: JSONValue) -> String {
        "\(kind.group)|\(kind.plural)|\(object.namespace)|\(object.name)"
    }

    private func find(_ path: String) -> (ResourceKind, JSONValue)? {
        let parts = path.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4,
            let kind = ResourceKind.all.first(where: { $0.group == parts[0] && $0.plural == parts[1] }),
            let object = self.api.store.find(kind, namespace: parts[2], name: parts[3])
        else { return nil }
        return (kind, object)
    }

    /// The owners of an object that exist.
    private func owners(_ object: JSONValue) -> [JSONValue] {
        object.ownerReferences.filter { reference in
            guard
                let kind = ResourceKind.all.first(where: {
                    $0.kind == reference["kind"]?.string
                        && $0.group == (reference["apiVersion"]?.string ?? "").split(separator: "/").dropLast().first
                            ?? ""
                })
            else { return true }
            let owner = self.api.store.find(kind, namespace: object.namespace, name: reference["name"]?.string ?? "")
            return owner?.uid == reference["uid"]?.string
        }
    }

    private func dependents(of uid: String) -> [(ResourceKind, JSONValue)] {
        ResourceKind.all.filter { $0.stored && $0 != .events }.flatMap { kind in
            self.api.store.items(kind).filter { $0.ownerReferences.contains { $0["uid"]?.string == uid } }.map {
                (kind, $0)
            }
        }
    }

    private func delete(_ kind: ResourceKind, _ object: JSONValue) async {
        _ = try? await self.api.delete(
            kind,
            namespace: object.namespace,
            name: object.name,
            options: DeleteOptions(uid: object.uid)
        )
    }

    private func deleteDependents(of uid: String) async {
        for (kind, object) in self.dependents(of: uid) where !object.isTerminating && self.owners(object).isEmpty {
            await self.delete(kind, object)
        }
    }

    private func finish(
        _ kind: ResourceKind,
        _ object: JSONValue,
        _ loop: ControllerLoop,
        _ key: ObjectKey
    )
        async throws(StatusError)
    {
        let dependents = self.dependents(of: object.uid)
        let uid = object.uid
        if object.finalizers.contains("orphan") {
            for (kind, dependent) in dependents {
                _ = try? self.api.store.update(kind, namespace: dependent.namespace, name: dependent.name) { old in
                    var new = old
                    let left = old.ownerReferences.filter { $0["uid"]?.string != uid }
                    new.set("metadata", "ownerReferences", to: left.isEmpty ? nil : .array(left))
                    return new
                }
            }
            try self.release(kind, object, "orphan")
        } else if object.finalizers.contains("foregroundDeletion") {
            if dependents.isEmpty { return try self.release(kind, object, "foregroundDeletion") }
            for (kind, dependent) in dependents where !dependent.isTerminating {
                _ = try? await self.api.delete(
                    kind,
                    namespace: dependent.namespace,
                    name: dependent.name,
                    options: DeleteOptions(uid: dependent.uid, propagation: .foreground)
                )
            }
            loop.add(key, after: .milliseconds(50))
        }
    }

    private func release(_ kind: ResourceKind, _ object: JSONValue, _ finalizer: String) throws(StatusError) {
        try self.api.store.update(kind, namespace: object.namespace, name: object.name) { old in
            var new = old
            new.set("metadata", "finalizers", to: .array(old.finalizers.filter { $0 != finalizer }.map { .string($0) }))
            return new
        }
    }
}
