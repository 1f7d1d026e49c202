/// A change of an object, in one of the forms that the API server takes.
package enum APIPatch: Sendable {
    /// RFC 6902.
    case json(JSONPatch)
    /// RFC 7396.
    case merge(JSONValue)
    /// Kubernetes' own merge, which knows the keys of lists. Built-in kinds only.
    case strategic(JSONValue)
    /// Server-side apply: the object as far as this manager cares for it. `force` takes fields over from others.
    case apply(JSONValue, manager: String, force: Bool)

    var contentType: String {
        switch self {
        case .json: "application/json-patch+json"
        case .merge: "application/merge-patch+json"
        case .strategic: "application/strategic-merge-patch+json"
        // JSON is YAML.
        case .apply: "application/apply-patch+yaml"
        }
    }

    var body: JSONValue {
        switch self {
        case .json(let patch): patch.json
        case .merge(let object), .strategic(let object), .apply(let object, _, _): object
        }
    }

    var query: [(name: String, value: String)] {
        guard case .apply(_, let manager, let force) = self else { return [] }
        return [(name: "fieldManager", value: manager), (name: "force", value: force ? "true" : "false")]
    }
}
