/// Who a participant is, as the cluster says.
package enum Principal: Sendable, Equatable {
    /// A workstation's user, by TokenReview or by a client certificate that the cluster's authority has signed.
    ///
    /// `uid` and `extra` are what else the cluster knows: an authorizer may decide by them, as one that honours a token's scopes.
    case user(name: String, groups: [String], uid: String = "", extra: [String: [String]] = [:])
    /// A traffic agent, by the token that is bound to its pod.
    case agent(namespace: String, pod: String, podUID: String, serviceAccount: String)
    /// Nobody has shown who it is; in the modes `permissive` and `disabled` only.
    case unproven
}

extension Principal {
    /// Whether `other` is the same one.
    ///
    /// A user's groups and extra fields may change from one token to the next, so that they do not count.
    package func isSame(as other: Principal) -> Bool {
        switch (self, other) {
        case (.user(let name, _, _, _), .user(let other, _, _, _)): name == other
        default: self == other
        }
    }
}

extension Principal: CustomStringConvertible {
    /// In the words of messages: `user "ann"`.
    package var description: String {
        switch self {
        case .user(let name, _, _, _): "user \"\(name)\""
        case .agent(let namespace, let pod, _, _): "the agent of pod \(namespace)/\(pod)"
        case .unproven: "an unproven participant"
        }
    }
}
