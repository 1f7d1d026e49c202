import Cluster

/// Who owns which fields of an object: `metadata.managedFields`.
struct ManagedFields {
    /// One owner.
    struct Owner: Hashable {
        let manager: String
        /// `Apply` or `Update`.
        let operation: String
        let subresource: String
    }

    private struct Entry {
        let owner: Owner
        let apiVersion: String
        var time: String
        var fields: FieldSet
    }

    private var entries: [Entry]

    /// Reads an object's.
    init(_ object: JSONValue?) {
        self.entries = (object?.at("metadata", "managedFields")?.array ?? []).map { value in
            Entry(
                owner: Owner(
                    manager: value["manager"]?.string ?? "",
                    operation: value["operation"]?.string ?? "",
                    subresource: value["subresource"]?.string ?? ""
                ),
                apiVersion: value["apiVersion"]?.string ?? "",
                time: value["time"]?.string ?? "",
                fields: FieldSet(fieldsV1: value["fieldsV1"] ?? .null)
            )
        }
    }

    /// As objects carry it.
    var json: JSONValue? {
        let present = self.entries.filter { !$0.fields.isEmpty }
        if present.isEmpty { return nil }
        return .array(
            present.map { entry in
                var fields: [String: JSONValue] = [
                    "manager": .string(entry.owner.manager), "operation": .string(entry.owner.operation),
                    "apiVersion": .string(entry.apiVersion), "time": .string(entry.time),
                    "fieldsType": .string("FieldsV1"), "fieldsV1": entry.fields.fieldsV1,
                ]
                if !entry.owner.subresource.isEmpty { fields["subresource"] = .string(entry.owner.subresource) }
                return .object(fields)
            }
        )
    }

    /// What a manager applied last.
    func applied(by manager: String) -> FieldSet {
        self.entries.first { $0.owner == Owner(manager: manager, operation: "Apply", subresource: "") }?.fields
            ?? FieldSet()
    }

    /// Every owner but the one who applies as this manager.
    func others(than manager: String) -> [(owner: Owner, fields: FieldSet)] {
        self.entries.filter { $0.owner != Owner(manager: manager, operation: "Apply", subresource: "") }
            .map { ($0.owner, $0.fields) }
    }

    /// What others own.
    func ownedByOthers(than manager: String) -> FieldSet {
        self.others(than: manager).reduce(FieldSet()) { $0.union($1.fields) }
    }

    /// Takes fields away from an owner.
    mutating func release(_ fields: FieldSet, from owner: Owner) {
        guard let index = self.entries.firstIndex(where: { $0.owner == owner }) else { return }
        self.entries[index].fields = self.entries[index].fields.subtracting(fields)
    }

    /// Notes what a manager applied now.
    mutating func set(_ fields: FieldSet, appliedBy manager: String, apiVersion: String) {
        let owner = Owner(manager: manager, operation: "Apply", subresource: "")
        self.set(fields, owner: owner, apiVersion: apiVersion)
    }

    private mutating func set(_ fields: FieldSet, owner: Owner, apiVersion: String) {
        if let index = self.entries.firstIndex(where: { $0.owner == owner }) {
            // An unchanged set keeps its time, so that an apply without effect changes nothing.
            if self.entries[index].fields != fields { self.entries[index].time = Timestamp.now() }
            self.entries[index].fields = fields
        } else {
            self.entries.append(Entry(owner: owner, apiVersion: apiVersion, time: Timestamp.now(), fields: fields))
        }
    }

    /// Notes a change made by other means than apply: what differs is the manager's now.
    mutating func note(
        from old: JSONValue?,
        to new: JSONValue,
        manager: String,
        subresource: String,
        apiVersion: String
    ) {
        let owner = Owner(manager: manager, operation: "Update", subresource: subresource)
        let before = old.map { FieldSet(of: $0) } ?? FieldSet()
        let after = FieldSet(of: new)
        var changed = after.subtracting(before)
        if let old {
            for path in after.intersection(before).paths
            where FieldSet.value(in: old, at: path) != FieldSet.value(in: new, at: path) {
                if case .key = path.last { continue }
                changed = changed.union(FieldSet(paths: [path]))
            }
        }
        let gone = before.subtracting(after)
        for index in self.entries.indices {
            var kept = self.entries[index].fields.subtracting(gone)
            if self.entries[index].owner != owner { kept = kept.subtracting(changed) }
            self.entries[index].fields = kept
        }
        if changed.isEmpty { return }
        let mine = self.entries.first { $0.owner == owner }?.fields ?? FieldSet()
        self.set(mine.union(changed), owner: owner, apiVersion: apiVersion)
    }
}
