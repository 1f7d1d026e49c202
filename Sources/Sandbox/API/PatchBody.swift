package import Cluster

/// A change in one of the four forms that the API takes.
package enum PatchBody: Sendable {
    /// RFC 6902.
    case json(JSONPatch)
    /// RFC 7396.
    case merge(JSONValue)
    /// Kubernetes' merge patch that knows lists with keys.
    case strategic(JSONValue)
    /// Server-side apply.
    case apply(JSONValue)

    /// Reads a body by its media type; 415 for other types, 400 for what can't be read.
    init(contentType: String, body: JSONValue) throws(StatusError) {
        switch contentType {
        case "application/json-patch+json":
            do throws(JSONPatch.Failure) {
                self = .json(try JSONPatch(json: body))
            } catch {
                throw .badRequest(error.description)
            }
        case "application/merge-patch+json": self = .merge(body)
        case "application/strategic-merge-patch+json": self = .strategic(body)
        case "application/apply-patch+yaml", "application/apply-patch+json": self = .apply(body)
        default:
            throw .unsupportedMediaType(
                "the body of the request was in an unknown format - accepted media types include: "
                    + "application/json-patch+json, application/merge-patch+json, "
                    + "application/strategic-merge-patch+json, application/apply-patch+yaml"
            )
        }
    }

    /// The object with the change made.
    ///
    /// Not for apply, which needs to know owners.
    func applied(to object: JSONValue, kind: ResourceKind) throws(StatusError) -> JSONValue {
        switch self {
        case .json(let patch):
            do throws(JSONPatch.Failure) {
                return try patch.applied(to: object)
            } catch {
                throw StatusError(
                    code: 422,
                    reason: "Invalid",
                    message: "the server rejected our request due to an error in our request: \(error)",
                    details: .object([:])
                )
            }
        case .merge(let patch): return object.merged(with: patch)
        case .strategic(let patch): return try StrategicMerge.apply(patch, to: object)
        case .apply: throw .internalError("an apply patch needs its manager")
        }
    }
}
