/// One kind of object that the sandbox's API serves: what Kubernetes calls a resource.
///
/// Two kinds are equal when their group and plural name are.
package struct ResourceKind: Sendable {
    /// API group; empty for the core group.
    package let group: String
    /// Version of the group, such as `v1`.
    package let version: String
    /// The kind as objects carry it, such as `Pod`.
    package let kind: String
    /// The name in paths, such as `pods`.
    package let plural: String
    /// Whether objects live in a namespace.
    package let namespaced: Bool
    /// Abbreviations that kubectl takes, such as `po`.
    package let shortNames: [String]
    /// Groups of kinds that kubectl takes, such as `all`.
    package let categories: [String]
    /// What can be asked of below one object.
    package let subresources: [Subresource]
    /// Whether objects are kept; reviews are answered and forgotten.
    package let stored: Bool
    /// Whether `metadata.generation` counts changes of what is not metadata or status.
    package let counted: Bool

    /// Describes a kind.
    package init(
        _ kind: String,
        _ plural: String,
        group: String = "",
        version: String = "v1",
        namespaced: Bool = true,
        short: [String] = [],
        categories: [String] = [],
        subresources: [Subresource] = [],
        stored: Bool = true,
        counted: Bool = false
    ) {
        self.group = group
        self.version = version
        self.kind = kind
        self.plural = plural
        self.namespaced = namespaced
        self.shortNames = short
        self.categories = categories
        self.subresources = subresources
        self.stored = stored
        self.counted = counted
    }

    /// `v1` or `apps/v1`: as in `apiVersion`.
    package var apiVersion: String { self.group.isEmpty ? self.version : "\(self.group)/\(self.version)" }

    /// The singular name, such as `pod`.
    package var singular: String { self.kind.lowercased() }

    /// The name in messages, such as `pods` or `deployments.apps`.
    package var qualifiedName: String { self.group.isEmpty ? self.plural : "\(self.plural).\(self.group)" }

    /// Whether `status` is a subresource, so that it can't be changed with the rest.
    package var hasStatus: Bool { self.subresources.contains(.status) }

    /// The path of a collection, such as `/api/v1/namespaces/default/pods`.
    package func path(namespace: String?) -> String {
        let root = self.group.isEmpty ? "/api/\(self.version)" : "/apis/\(self.group)/\(self.version)"
        guard self.namespaced, let namespace, !namespace.isEmpty else { return "\(root)/\(self.plural)" }
        return "\(root)/namespaces/\(namespace)/\(self.plural)"
    }
}

extension ResourceKind: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        left.plural == right.plural && left.group == right.group
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(self.plural)
        hasher.combine(self.group)
    }
}
