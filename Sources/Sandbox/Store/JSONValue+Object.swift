package import Cluster

/// What Kubernetes objects have in common, read from and written to their JSON.
extension JSONValue {
    /// The value at a path of keys, if every step is an object that has the key.
    package func value(at path: ArraySlice<String>) -> JSONValue? {
        var value = self
        for key in path {
            guard case .object(let fields) = value, let next = fields[key] else { return nil }
            value = next
        }
        return value
    }

    /// Writes (or with nil removes) the value at a path, making the objects on the way.
    package mutating func set(_ path: String..., to value: JSONValue?) { self.set(path: path[...], to: value) }

    /// Writes or removes the value at a path.
    package mutating func set(path: ArraySlice<String>, to value: JSONValue?) {
        guard let key = path.first else {
            if let value { self = value }
            return
        }
        var fields: [String: JSONValue] = [:]
        if case .object(let present) = self { fields = present }
        // Let go of the storage, so that writing does not copy it.
        self = .null
        if path.count == 1 {
            fields[key] = value
        } else if value != nil || fields[key] != nil {
            var inner = fields.removeValue(forKey: key) ?? .object([:])
            inner.set(path: path.dropFirst(), to: value)
            fields[key] = inner
        }
        self = .object(fields)
    }

    /// Writes the value at a path if there is none yet, or null.
    package mutating func setDefault(_ path: String..., to value: JSONValue) {
        switch self.value(at: path[...]) {
        case .none, .some(.null): self.set(path: path[...], to: value)
        default: break
        }
    }

    /// `metadata.name`, or empty.
    package var name: String { self.at("metadata", "name")?.string ?? "" }
    /// `metadata.namespace`, or empty.
    package var namespace: String { self.at("metadata", "namespace")?.string ?? "" }
    /// `metadata.uid`, or empty.
    package var uid: String { self.at("metadata", "uid")?.string ?? "" }
    /// `metadata.resourceVersion`, or empty.
    package var resourceVersion: String { self.at("metadata", "resourceVersion")?.string ?? "" }
    /// `metadata.generation`, or zero.
    package var generation: Int64 { self.at("metadata", "generation")?.integer ?? 0 }
    /// `metadata.labels`.
    package var labels: [String: String] { self.texts("metadata", "labels") }
    /// `metadata.annotations`.
    package var annotations: [String: String] { self.texts("metadata", "annotations") }
    /// Whether deletion has been asked for.
    package var isTerminating: Bool { self.at("metadata", "deletionTimestamp")?.string != nil }
    /// `metadata.finalizers`.
    package var finalizers: [String] { self.at("metadata", "finalizers")?.array?.compactMap(\.string) ?? [] }
    /// `metadata.ownerReferences`.
    package var ownerReferences: [JSONValue] { self.at("metadata", "ownerReferences")?.array ?? [] }
    /// The owner reference with `controller: true`.
    package var controller: JSONValue? { self.ownerReferences.first { $0.at("controller")?.bool == true } }

    /// The string values of the object at a path.
    package func texts(_ path: String...) -> [String: String] {
        self.value(at: path[...])?.object?.compactMapValues(\.string) ?? [:]
    }
}
