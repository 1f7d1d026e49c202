package import Cluster

/// An answer of the API that is not what was asked for: Kubernetes' `Status`.
package struct StatusError: Error, Sendable {
    /// One finding about one field.
    package struct Cause: Sendable, Equatable {
        /// Machine-readable kind, such as `FieldValueRequired`.
        package let reason: String
        /// What is wrong, in words.
        package let message: String
        /// Path of the field, such as `spec.containers[0].name`.
        package let field: String
    }

    /// HTTP status.
    package let code: Int
    /// Machine-readable reason, such as `NotFound`; empty when there is none.
    package let reason: String
    /// What happened, in words.
    package let message: String
    /// The object's kind, group, name and uid and the causes, if any.
    package let details: JSONValue?
    /// Seconds after which to ask again; sent as `Retry-After` too.
    package let retryAfter: Int?

    /// Makes an error by hand; the static functions make the usual ones.
    package init(code: Int, reason: String, message: String, details: JSONValue? = nil, retryAfter: Int? = nil) {
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.retryAfter = retryAfter
    }

    /// The object as sent.
    package var body: JSONValue {
        var fields: [String: JSONValue] = [
            "kind": .string("Status"), "apiVersion": .string("v1"), "metadata": .object([:]),
            "status": .string("Failure"), "message": .string(self.message), "code": .integer(Int64(self.code)),
        ]
        if !self.reason.isEmpty { fields["reason"] = .string(self.reason) }
        var details = self.details?.object ?? [:]
        if let retryAfter { details["retryAfterSeconds"] = .integer(Int64(retryAfter)) }
        if !details.isEmpty { fields["details"] = .object(details) }
        return .object(fields)
    }

    private static func about(_ kind: ResourceKind, _ name: String, causes: [Cause] = []) -> JSONValue {
        var fields: [String: JSONValue] = ["name": .string(name)]
        // Invalid objects are named by kind, all else by resource, as Kubernetes does.
        fields["kind"] = .string(causes.isEmpty ? kind.plural : kind.kind)
        if !kind.group.isEmpty { fields["group"] = .string(kind.group) }
        if !causes.isEmpty {
            fields["causes"] = .array(
                causes.map {
                    .object(["reason": .string($0.reason), "message": .string($0.message), "field": .string($0.field)])
                }
            )
        }
        return .object(fields)
    }

    /// 404 for an object.
    package static func notFound(_ kind: ResourceKind, _ name: String) -> StatusError {
        StatusError(
            code: 404,
            reason: "NotFound",
            message: "\(kind.qualifiedName) \"\(name)\" not found",
            details: self.about(kind, name)
        )
    }

    /// 404 for a path that nothing serves.
    package static let noSuchResource = StatusError(
        code: 404,
        reason: "NotFound",
        message: "the server could not find the requested resource",
        details: .object([:])
    )

    /// 409 for a name in use.
    package static func alreadyExists(_ kind: ResourceKind, _ name: String) -> StatusError {
        StatusError(
            code: 409,
            reason: "AlreadyExists",
            message: "\(kind.qualifiedName) \"\(name)\" already exists",
            details: self.about(kind, name)
        )
    }

    /// 409 for a change that others have overtaken.
    package static func conflict(_ kind: ResourceKind, _ name: String, _ why: String? = nil) -> StatusError {
        let why =
            why ?? "the object has been modified; please apply your changes to the latest version and try again"
        return StatusError(
            code: 409,
            reason: "Conflict",
            message: "Operation cannot be fulfilled on \(kind.qualifiedName) \"\(name)\": \(why)",
            details: self.about(kind, name)
        )
    }

    /// 422 with the fields that are wrong.
    package static func invalid(_ kind: ResourceKind, _ name: String, _ causes: [Cause]) -> StatusError {
        let lines = causes.map { "\($0.field): \($0.message)" }
        let list = lines.count == 1 ? lines[0] : "[\(lines.joined(separator: ", "))]"
        let type = kind.group.isEmpty ? kind.kind : "\(kind.kind).\(kind.group)"
        return StatusError(
            code: 422,
            reason: "Invalid",
            message: "\(type) \"\(name)\" is invalid: \(list)",
            details: self.about(kind, name, causes: causes)
        )
    }

    /// 400.
    package static func badRequest(_ message: String) -> StatusError {
        StatusError(code: 400, reason: "BadRequest", message: message)
    }

    /// 401.
    package static func unauthorized(_ message: String = "Unauthorized") -> StatusError {
        StatusError(code: 401, reason: "Unauthorized", message: message)
    }

    /// 403.
    package static func forbidden(_ message: String, kind: ResourceKind? = nil, name: String = "") -> StatusError {
        StatusError(
            code: 403,
            reason: "Forbidden",
            message: message,
            details: kind.map { self.about($0, name) } ?? .object([:])
        )
    }

    /// 405.
    package static let methodNotAllowed = StatusError(
        code: 405,
        reason: "MethodNotAllowed",
        message: "the server does not allow this method on the requested resource",
        details: .object([:])
    )

    /// 410 for a resourceVersion that is no longer remembered.
    package static func expired(_ message: String) -> StatusError {
        StatusError(code: 410, reason: "Expired", message: message)
    }

    /// 415.
    package static func unsupportedMediaType(_ message: String) -> StatusError {
        StatusError(code: 415, reason: "UnsupportedMediaType", message: message)
    }

    /// 429.
    package static func tooManyRequests(
        _ message: String,
        retryAfter: Int? = nil,
        details: JSONValue? = nil
    ) -> StatusError {
        StatusError(
            code: 429,
            reason: "TooManyRequests",
            message: message,
            details: details,
            retryAfter: retryAfter
        )
    }

    /// 500.
    package static func internalError(_ message: String) -> StatusError {
        StatusError(code: 500, reason: "InternalError", message: "Internal error occurred: \(message)")
    }
}
