import Cluster

/// Who asks.
package struct UserInfo: Sendable, Hashable {
    /// The user's name.
    package var name: String
    /// An identifier that outlives reuse of the name; may be empty.
    package var uid: String
    /// The groups that the user is in.
    package var groups: [String]
    /// What else the authenticator said.
    package var extra: [String: [String]]

    /// A user by hand.
    package init(name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]) {
        self.name = name
        self.uid = uid
        self.groups = groups
        self.extra = extra
    }

    /// The cluster's own controllers, which may do anything.
    package static let system = UserInfo(
        name: "system:kube-controller-manager",
        groups: ["system:masters", "system:authenticated"]
    )

    /// Somebody without credentials.
    package static let anonymous = UserInfo(name: "system:anonymous", groups: ["system:unauthenticated"])

    /// As reviews carry it.
    var json: JSONValue {
        var fields: [String: JSONValue] = [
            "username": .string(self.name), "groups": .array(self.groups.map { .string($0) }),
        ]
        if !self.uid.isEmpty { fields["uid"] = .string(self.uid) }
        if !self.extra.isEmpty {
            fields["extra"] = .object(self.extra.mapValues { .array($0.map { .string($0) }) })
        }
        return .object(fields)
    }
}
