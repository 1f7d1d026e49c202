internal import Cluster

/// One object of an installation, and where the API has it.
struct ManifestObject: Sendable, Hashable {
    var json: JSONValue
    let resource: APIResource

    /// Kinds in the order in which they are applied; they are deleted in the opposite one.
    static let kinds: [APIResource] = [
        .namespaces,
        APIResource(group: "", version: "v1", plural: "serviceaccounts", kind: "ServiceAccount"),
        .secrets,
        .configMaps,
        rbac("clusterroles", "ClusterRole", isNamespaced: false),
        rbac("clusterrolebindings", "ClusterRoleBinding", isNamespaced: false),
        rbac("roles", "Role"),
        rbac("rolebindings", "RoleBinding"),
        APIResource(group: "networking.k8s.io", version: "v1", plural: "networkpolicies", kind: "NetworkPolicy"),
        APIResource(group: "policy", version: "v1", plural: "poddisruptionbudgets", kind: "PodDisruptionBudget"),
        .services,
        .deployments,
        // Last: pods are sent to it from then on.
        .mutatingWebhookConfigurations,
    ]

    private static func rbac(_ plural: String, _ kind: String, isNamespaced: Bool = true) -> APIResource {
        APIResource(
            group: "rbac.authorization.k8s.io",
            version: "v1",
            plural: plural,
            kind: kind,
            isNamespaced: isNamespaced
        )
    }

    /// Takes an object; nil when its kind is not one that an installation has.
    init?(_ json: JSONValue) {
        guard let kind = json["kind"]?.string, let version = json["apiVersion"]?.string,
            let resource = Self.kinds.first(where: { $0.kind == kind && $0.apiVersion == version })
        else { return nil }
        self.json = json
        self.resource = resource
    }

    init(_ resource: APIResource, name: String, namespace: String?, _ members: [String: JSONValue] = [:]) {
        var metadata: JSONValue = ["name": .string(name), "labels": ["app.kubernetes.io/part-of": "telepresence"]]
        if let namespace { metadata["namespace"] = .string(namespace) }
        var json = JSONValue.object(members)
        json["apiVersion"] = .string(resource.apiVersion)
        json["kind"] = .string(resource.kind)
        json["metadata"] = metadata
        self.json = json
        self.resource = resource
    }

    var kind: String { resource.kind }
    var name: String { json.at("metadata", "name")?.string ?? "" }
    var namespace: String? { resource.isNamespaced ? json.at("metadata", "namespace")?.string : nil }
    var reference: ObjectReference { ObjectReference(kind: kind, name: name, namespace: namespace ?? "") }

    /// Where it stands in ``kinds``.
    var rank: Int { Self.kinds.firstIndex(of: resource) ?? Self.kinds.count }

    /// The objects in the order in which they are applied.
    static func ordered(_ objects: [ManifestObject]) -> [ManifestObject] {
        objects.enumerated().sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }.map(\.element)
    }
}

extension JSONValue {
    /// Changes the value at a place, null where there was none.
    mutating func change(_ path: String..., by body: (inout JSONValue) -> Void) {
        change(path[...], by: body)
    }

    private mutating func change(_ path: ArraySlice<String>, by body: (inout JSONValue) -> Void) {
        guard let name = path.first else { return body(&self) }
        var member = self[name] ?? .null
        // Frees the old one, so that the change is not a copy.
        self[name] = nil
        member.change(path.dropFirst(), by: body)
        self[name] = member
    }

    /// Changes every element of a list that is a member of this mapping.
    mutating func changeEach(_ list: String, by body: (inout JSONValue) -> Void) {
        guard var elements = self[list]?.array else { return }
        for index in elements.indices { body(&elements[index]) }
        self[list] = .array(elements)
    }
}
