import Cluster

/// Decides by the roles and bindings in the store (RBAC); `system:masters` may do anything.
struct Authorizer: Sendable {
    /// What somebody wants to do.
    struct Attributes: Sendable {
        var verb: String
        var group = ""
        /// Plural name; for a subresource `pods/log`.
        var resource = ""
        var name = ""
        var namespace = ""
        /// Set for what is no resource.
        var path: String?
    }

    let store: ObjectStore

    /// Whether the user may.
    func allows(_ user: UserInfo, _ attributes: Attributes) -> Bool {
        if user.groups.contains("system:masters") { return true }
        return self.rules(for: user, namespace: attributes.namespace).contains { Self.covers($0, attributes) }
    }

    /// Fails with 403 in Kubernetes' words unless the user may.
    func demand(_ user: UserInfo, _ attributes: Attributes) throws(StatusError) {
        if self.allows(user, attributes) { return }
        if let path = attributes.path {
            throw .forbidden(
                "forbidden: User \"\(user.name)\" cannot \(attributes.verb) path \"\(path)\""
            )
        }
        let plural = String(attributes.resource.split(separator: "/").first ?? "")
        let kind = ResourceKind.with(group: attributes.group, plural: plural)
        let qualified = attributes.group.isEmpty ? plural : "\(plural).\(attributes.group)"
        let named = attributes.name.isEmpty ? qualified : "\(qualified) \"\(attributes.name)\""
        let place =
            attributes.namespace.isEmpty ? "at the cluster scope" : "in the namespace \"\(attributes.namespace)\""
        throw .forbidden(
            "\(named) is forbidden: User \"\(user.name)\" cannot \(attributes.verb) resource "
                + "\"\(attributes.resource)\" in API group \"\(attributes.group)\" \(place)",
            kind: kind,
            name: attributes.name
        )
    }

    /// The rules that hold for a user in a namespace (empty: cluster-wide ones only).
    func rules(for user: UserInfo, namespace: String) -> [JSONValue] {
        if user.groups.contains("system:masters") {
            return [
                ["verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]],
                ["verbs": ["*"], "nonResourceURLs": ["*"]],
            ]
        }
        var rules: [JSONValue] = []
        for binding in self.store.items(.clusterRoleBindings) where Self.binds(binding, user) {
            let role = self.store.find(.clusterRoles, name: binding.at("roleRef", "name")?.string ?? "")
            rules += role?["rules"]?.array ?? []
        }
        guard !namespace.isEmpty else { return rules }
        for binding in self.store.items(.roleBindings, namespace: namespace) where Self.binds(binding, user) {
            let name = binding.at("roleRef", "name")?.string ?? ""
            let role =
                binding.at("roleRef", "kind") == "ClusterRole"
                ? self.store.find(.clusterRoles, name: name)
                : self.store.find(.roles, namespace: namespace, name: name)
            rules += (role?["rules"]?.array ?? []).filter { $0["nonResourceURLs"] == nil }
        }
        return rules
    }

    private static func binds(_ binding: JSONValue, _ user: UserInfo) -> Bool {
        (binding["subjects"]?.array ?? []).contains { subject in
            let name = subject["name"]?.string ?? ""
            switch subject["kind"]?.string {
            case "User": return name == user.name || name == "*"
            case "Group": return user.groups.contains(name)
            case "ServiceAccount":
                let namespace = subject["namespace"]?.string ?? binding.namespace
                return user.name == "system:serviceaccount:\(namespace):\(name)"
            default: return false
            }
        }
    }

    private static func covers(_ rule: JSONValue, _ attributes: Attributes) -> Bool {
        func has(_ list: String, _ value: String) -> Bool {
            let values = rule[list]?.stringArray ?? []
            return values.contains("*") || values.contains(value)
        }
        guard has("verbs", attributes.verb) else { return false }
        if let path = attributes.path {
            return (rule["nonResourceURLs"]?.stringArray ?? []).contains {
                $0 == "*" || $0 == path || ($0.hasSuffix("*") && path.hasPrefix($0.dropLast()))
            }
        }
        guard has("apiGroups", attributes.group) else { return false }
        let parts = attributes.resource.split(separator: "/", maxSplits: 1)
        let wild = parts.count == 2 ? "*/\(parts[1])" : attributes.resource
        guard has("resources", attributes.resource) || (rule["resources"]?.stringArray ?? []).contains(wild) else {
            return false
        }
        let names = rule["resourceNames"]?.stringArray ?? []
        return names.isEmpty || names.contains(attributes.name)
    }
}
