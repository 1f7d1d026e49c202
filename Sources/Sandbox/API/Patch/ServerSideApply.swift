import Cluster

/// Server-side apply: each manager says what it wants, and owns the fields that it said.
enum ServerSideApply {
    /// The object with a manager's configuration applied, and with who owns what noted in `managedFields`.
    ///
    /// `live` is nil when the object does not exist yet. Fields that only this manager owned and no longer names are
    /// taken away; a field that another manager owns with another value is a conflict, unless forced.
    static func apply(
        _ configuration: JSONValue,
        to live: JSONValue?,
        kind: ResourceKind,
        manager: String,
        force: Bool
    ) throws(StatusError) -> JSONValue {
        guard !manager.isEmpty else {
            throw .badRequest(
                "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
            )
        }
        if configuration.at("metadata", "managedFields")?.array?.isEmpty == false {
            throw .badRequest("metadata.managedFields must be nil")
        }
        let wanted = FieldSet(of: configuration)
        var entries = ManagedFields(live)
        let before = entries.applied(by: manager)
        var result = live ?? .object([:])
        var conflicts: [StatusError.Cause] = []
        for (owner, owned) in entries.others(than: manager) {
            for path in owned.intersection(wanted).paths {
                guard let live, !path.isEmpty else { continue }
                if case .key = path.last { continue }
                let mine = FieldSet.value(in: configuration, at: path)
                if FieldSet.value(in: live, at: path) == mine { continue }
                if force {
                    entries.release(FieldSet(paths: [path]), from: owner)
                } else {
                    conflicts.append(
                        StatusError.Cause(
                            reason: "FieldManagerConflict",
                            message: "conflict with \"\(owner.manager)\"",
                            field: FieldSet.text(path)
                        )
                    )
                }
            }
        }
        guard conflicts.isEmpty else { throw self.refusal(conflicts) }
        // Elements before their fields: while one stays, the fields that tell it apart stay, too.
        let others = entries.ownedByOthers(than: manager)
        let dropped = before.subtracting(wanted).subtracting(others)
        for path in dropped.paths.sorted(by: { $0.count < $1.count }) {
            if case .key = path.last,
                wanted.paths.contains(where: { $0.starts(with: path) })
                    || others.paths.contains(where: { $0.starts(with: path) })
            {
                continue
            }
            if path.count > 1, case .field(let name) = path.last, case .key(let key) = path[path.count - 2],
                key.values[name] != nil
            {
                continue
            }
            result = FieldSet.remove(path[...], from: result)
        }
        result = self.merge(configuration, into: result, names: [])
        entries.set(wanted, appliedBy: manager, apiVersion: kind.apiVersion)
        result.set("metadata", "managedFields", to: entries.json)
        return result
    }

    private static func refusal(_ conflicts: [StatusError.Cause]) -> StatusError {
        let sorted = conflicts.sorted { $0.field < $1.field }
        let list = sorted.map { "\($0.message): \($0.field)" }.joined(separator: "\n")
        let text =
            sorted.count == 1
            ? "Apply failed with 1 conflict: \(list)" : "Apply failed with \(sorted.count) conflicts: \(list)"
        return StatusError(
            code: 409,
            reason: "Conflict",
            message: text,
            details: .object([
                "causes": .array(
                    sorted.map {
                        .object([
                            "reason": .string($0.reason), "message": .string($0.message), "field": .string($0.field),
                        ])
                    }
                )
            ])
        )
    }

    private static func merge(_ wanted: JSONValue, into live: JSONValue, names: [String]) -> JSONValue {
        switch wanted {
        case .object(let fields):
            var result = live.object ?? [:]
            for (name, value) in fields {
                result[name] = self.merge(value, into: result[name] ?? .null, names: names + [name])
            }
            return .object(result)
        case .array(let elements):
            let present = live.array ?? []
            switch ListSchema.apply(names) {
            case .atomic: return wanted
            case .set: return .array(present + elements.filter { !present.contains($0) })
            case .map(let keys):
                var result = present
                for element in elements {
                    let key = ListKey(element, keys)
                    if let index = result.firstIndex(where: { ListKey($0, keys) == key }) {
                        result[index] = self.merge(element, into: result[index], names: names)
                    } else {
                        result.append(element)
                    }
                }
                return .array(result)
            }
        default: return wanted
        }
    }
}
