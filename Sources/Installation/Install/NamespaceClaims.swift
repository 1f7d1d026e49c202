internal import Cluster

/// Which namespaces the webhooks of traffic managers serve: a pod can have the agent of one only.
struct NamespaceClaims {
    let cluster: InstallationCluster

    /// Fails when another manager serves a namespace that these objects would serve.
    ///
    /// Who may not see namespaces or webhooks is not held up.
    func check(_ objects: [ManifestObject], namespace: String) async throws(InstallationError) {
        guard let own = objects.first(where: { $0.kind == "MutatingWebhookConfiguration" }) else { return }
        guard let others = try? await cluster.list(.mutatingWebhookConfigurations),
            let namespaces = try? await cluster.list(.namespaces)
        else { return }
        for other in others where other.at("metadata", "name")?.string != own.name {
            guard let owner = Self.manager(other), owner != namespace else { continue }
            let both = namespaces.filter { Self.serves(own.json, $0) && Self.serves(other, $0) }
                .compactMap { $0.at("metadata", "name")?.string }
            guard !both.isEmpty else { continue }
            throw InstallationError(
                .refused,
                "the traffic manager in namespace \(owner) serves \(both.prefix(5).joined(separator: ", ")) already"
                    + (both.count > 5 ? " and \(both.count - 5) more" : ""),
                remedy: "give each manager its own with --set namespaces={a,b}, or uninstall one of them"
            )
        }
    }

    /// The namespace of the manager behind a configuration; nil when it is none of ours.
    private static func manager(_ configuration: JSONValue) -> String? {
        injector(configuration)?.at("clientConfig", "service", "namespace")?.string
    }

    private static func serves(_ configuration: JSONValue, _ namespace: JSONValue) -> Bool {
        var labels = namespace.at("metadata", "labels")?.stringMap ?? [:]
        labels["kubernetes.io/metadata.name"] = namespace.at("metadata", "name")?.string
        return injector(configuration).map { matches($0["namespaceSelector"] ?? .emptyObject, labels) } ?? false
    }

    private static func injector(_ configuration: JSONValue) -> JSONValue? {
        configuration["webhooks"]?.array?.first { $0["name"]?.string == Manifests.injector }
    }

    /// Whether a label selector takes these labels.
    static func matches(_ selector: JSONValue, _ labels: [String: String]) -> Bool {
        let pairs = selector["matchLabels"]?.stringMap ?? [:]
        guard pairs.allSatisfy({ labels[$0.key] == $0.value }) else { return false }
        return (selector["matchExpressions"]?.array ?? []).allSatisfy { expression in
            let value = labels[expression["key"]?.string ?? ""]
            let values = expression["values"]?.stringArray ?? []
            return switch expression["operator"]?.string {
            case "In": value.map { values.contains($0) } ?? false
            case "NotIn": value.map { !values.contains($0) } ?? true
            case "Exists": value != nil
            case "DoesNotExist": value == nil
            default: false
            }
        }
    }
}
