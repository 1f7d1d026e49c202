/// A user as the API server knows one: what TokenReview answers and SubjectAccessReview takes.
package struct APIUser: Sendable, Hashable {
    package var name: String
    package var uid: String
    package var groups: [String]
    package var extra: [String: [String]]

    package init(name: String, uid: String = "", groups: [String] = [], extra: [String: [String]] = [:]) {
        self.name = name
        self.uid = uid
        self.groups = groups
        self.extra = extra
    }

    /// Reads `status.user` of a TokenReview.
    package init(json: JSONValue) {
        name = json["username"]?.string ?? ""
        uid = json["uid"]?.string ?? ""
        groups = json["groups"]?.stringArray ?? []
        extra = (json["extra"]?.object ?? [:]).mapValues(\.stringArray)
    }

    /// The fields of a SubjectAccessReview's `spec` that say who.
    var json: JSONValue {
        var json: JSONValue = ["user": .string(name), "groups": .array(groups.map { .string($0) })]
        if !uid.isEmpty { json["uid"] = .string(uid) }
        if !extra.isEmpty {
            json["extra"] = .object(extra.mapValues { .array($0.map { .string($0) }) })
        }
        return json
    }
}
