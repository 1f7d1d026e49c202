/// Whom a request of the service `Status` is for.
package enum StatusTarget: Sendable, Hashable {
    /// Who is asked.
    case own
    case userDaemon
    case rootDaemon
    case manager
    case agent(namespace: String, pod: String)
    /// The participant of a session: an agent, or a workstation's user daemon.
    case session(String)

    /// Reads what a person writes: nothing, `userd`, `rootd`, `manager`, `agent/POD`, `agent/NAMESPACE/POD`, `session/ID`.
    ///
    /// Nil for anything else.
    package init?(_ text: String, namespace: String = "") {
        let words = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard !words.dropFirst().contains("") else { return nil }
        switch (words.first ?? "", words.count) {
        case ("", 1): self = .own
        case ("userd", 1): self = .userDaemon
        case ("rootd", 1): self = .rootDaemon
        case ("manager", 1): self = .manager
        case ("agent", 2): self = .agent(namespace: namespace, pod: words[1])
        case ("agent", 3): self = .agent(namespace: words[1], pod: words[2])
        case ("session", 2): self = .session(words[1])
        default: return nil
        }
    }

    /// As it travels; an agent without a namespace is one of the caller's own.
    package var text: String {
        switch self {
        case .own: ""
        case .userDaemon: "userd"
        case .rootDaemon: "rootd"
        case .manager: "manager"
        case .agent("", let pod): "agent/\(pod)"
        case .agent(let namespace, let pod): "agent/\(namespace)/\(pod)"
        case .session(let id): "session/\(id)"
        }
    }
}
