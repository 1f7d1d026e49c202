/// What an uninstall will do: said before it is done.
package struct RemovalPlan: Sendable, Hashable {
    /// A pod with an agent.
    package struct AgentPod: Sendable, Hashable {
        package let name: String
        package let namespace: String
        let uid: String
        /// Somebody makes it again when it is gone.
        package let isControlled: Bool
    }

    /// The manager's namespace.
    package let namespace: String
    /// What is there of the installation, in the order in which it is removed.
    package var objects: [ObjectReference] = []
    /// Pods that are replaced by ones without agent.
    package var agents: [AgentPod] = []
    /// The namespace goes as well.
    package var removesNamespace = false
    /// What stays, and why.
    package var notes: [String] = []

    init(namespace: String) { self.namespace = namespace }

    /// The plan for people.
    package var text: String {
        var lines = ["This removes the traffic manager from namespace \(namespace):"]
        let replaced = agents.filter(\.isControlled)
        if !replaced.isEmpty {
            let names = replaced.prefix(5).map { "\($0.namespace)/\($0.name)" }.joined(separator: ", ")
            let more = replaced.count > 5 ? " and \(replaced.count - 5) more" : ""
            lines.append("  \(replaced.count) pods are replaced by ones without agent: \(names)\(more)")
        }
        lines += objects.map { "  \($0)" }
        if removesNamespace { lines.append("  Namespace \(namespace)") }
        return (lines + notes.map { "Note: \($0)" }).joined(separator: "\n")
    }
}
