extension Kubeconfig {
    /// What a context says, as far as it can be told without its credentials.
    package struct ContextFacts: Sendable, Hashable {
        package let name: String
        package let cluster: String
        /// The API server's URL; empty where the cluster is not there.
        package let server: String
        package let user: String
        package let namespace: String
        package let isCurrent: Bool
    }

    /// All contexts, in the files' order.
    ///
    /// - Throws: ``KubeconfigError`` for fields of a wrong kind.
    package func contextFacts() throws(KubeconfigError) -> [ContextFacts] {
        var facts: [ContextFacts] = []
        for name in contextNames {
            guard let entry = contexts[name] else { continue }
            let cluster = try entry.node.text("cluster") ?? ""
            facts.append(
                ContextFacts(
                    name: name,
                    cluster: cluster,
                    server: try clusters[cluster]?.node.text("server") ?? "",
                    user: try entry.node.text("user") ?? "",
                    namespace: try entry.node.text("namespace") ?? "default",
                    isCurrent: name == currentContext
                )
            )
        }
        return facts
    }
}
