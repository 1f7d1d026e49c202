import Cluster

/// What controllers ask of pods.
extension JSONValue {
    /// Whether a pod counts: neither ended nor ending.
    var isActivePod: Bool {
        !self.isTerminating && !["Succeeded", "Failed"].contains(self.at("status", "phase")?.string ?? "")
    }

    /// The moment since which a pod is ready, in seconds since 1970; nil when it is not.
    var readySince: Int64? {
        for condition in self.at("status", "conditions")?.array ?? []
        where condition["type"]?.string == "Ready" && condition["status"]?.string == "True" {
            return condition["lastTransitionTime"]?.string.flatMap(Timestamp.parse) ?? 0
        }
        return nil
    }

    /// An owner reference to this object as controller.
    func ownerReference(_ kind: ResourceKind) -> JSONValue {
        [
            "apiVersion": .string(kind.apiVersion), "kind": .string(kind.kind), "name": .string(self.name),
            "uid": .string(self.uid), "controller": true, "blockOwnerDeletion": true,
        ]
    }

    /// The objects of a list that this one controls.
    func controlled(_ objects: [JSONValue]) -> [JSONValue] {
        objects.filter { $0.controller?["uid"]?.string == self.uid }
    }

    /// A short name for a value's content, of letters that names may have.
    var contentHash: String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in self.serialized() { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        let letters = Array("bcdfghjklmnpqrstvwxz2456789")
        var text = ""
        for _ in 0..<9 {
            text.append(letters[Int(hash % UInt64(letters.count))])
            hash /= UInt64(letters.count)
        }
        return text
    }

    /// A pod made from a workload's template.
    func pod(owner: JSONValue, _ kind: ResourceKind, name: String?, labels: [String: String] = [:]) -> JSONValue {
        var metadata = self["metadata"]?.object ?? [:]
        metadata["creationTimestamp"] = nil
        metadata["labels"] = JSONValue(
            stringMap: (metadata["labels"]?.stringMap ?? [:]).merging(labels) { _, new in new }
        )
        if let name { metadata["name"] = .string(name) } else { metadata["generateName"] = .string(owner.name + "-") }
        metadata["ownerReferences"] = [owner.ownerReference(kind)]
        return ["metadata": .object(metadata), "spec": self["spec"] ?? .emptyObject]
    }
}
