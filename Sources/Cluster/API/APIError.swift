/// What went wrong between us and the API server, in words for the user.
package struct APIError: Error, Sendable, Hashable {
    /// What sort of failure it is: what callers decide by.
    package enum Kind: Sendable, Hashable {
        /// The server cannot be reached, or the connection was lost.
        case unreachable
        /// The TLS handshake failed: wrong authority, expired certificate, wrong name.
        case untrusted
        /// No credential could be had (a plugin failed, a file is missing).
        case credentials
        /// 401: the credential was refused.
        case unauthorized
        /// 403: the user may not do this.
        case forbidden
        /// 404: no such object, or no such kind of object.
        case notFound
        /// 409 on create.
        case alreadyExists
        /// 409: the object was changed by somebody else meanwhile.
        case conflict
        /// 410: the resource version is too old; list again.
        case gone
        /// 400, 405, 415, 422: the request was not accepted as it was.
        case invalid
        /// 429: later; for an eviction, a disruption budget forbids it now.
        case tooManyRequests
        /// 5xx.
        case serverFailure
        /// No answer in the time allowed.
        case timedOut
        /// The caller no longer wants the answer.
        case cancelled
        /// The answer cannot be understood.
        case malformed
    }

    package let kind: Kind
    /// The HTTP status, when there was an answer.
    package let status: Int?
    /// The `reason` of the server's Status object.
    package let reason: String?
    /// One sentence, or two: what failed and what would help.
    package let message: String
    /// After how many seconds the server wants to be asked again.
    package let retryAfterSeconds: Int?

    package init(
        kind: Kind,
        status: Int? = nil,
        reason: String? = nil,
        message: String,
        retryAfterSeconds: Int? = nil
    ) {
        self.kind = kind
        self.status = status
        self.reason = reason
        self.message = message
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// Whether the same request may succeed a little later without anybody's doing.
    package var isTransient: Bool {
        switch kind {
        case .unreachable, .tooManyRequests, .serverFailure, .timedOut: true
        default: false
        }
    }
}

extension APIError: CustomStringConvertible {
    package var description: String { message }
}
