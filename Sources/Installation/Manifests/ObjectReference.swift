internal import Cluster

/// Which object of the cluster is meant.
package struct ObjectReference: Sendable, Hashable {
    package var kind: String
    package var name: String
    /// Empty for objects of the cluster as a whole.
    package var namespace: String

    package init(kind: String, name: String, namespace: String = "") {
        self.kind = kind
        self.name = name
        self.namespace = namespace
    }

    var resource: APIResource? { ManifestObject.kinds.first { $0.kind == kind } }

    var json: JSONValue {
        ["kind": .string(kind), "name": .string(name), "namespace": .string(namespace)]
    }

    init?(json: JSONValue) {
        guard let kind = json["kind"]?.string, let name = json["name"]?.string else { return nil }
        self.init(kind: kind, name: name, namespace: json["namespace"]?.string ?? "")
    }
}

extension ObjectReference: CustomStringConvertible {
    package var description: String { "\(kind) \(name)" + (namespace.isEmpty ? "" : " in namespace \(namespace)") }
}
