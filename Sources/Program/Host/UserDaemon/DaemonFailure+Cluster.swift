import Actor
import Cluster

extension DaemonFailure {
    /// What a failure of the API server means to the user; its words say it already.
    init(_ error: APIError) {
        let code: Code =
            switch error.kind {
            case .unauthorized, .credentials: .unauthenticated
            case .forbidden: .forbidden
            case .notFound: .notFound
            case .alreadyExists, .conflict: .conflict
            case .invalid: .invalid
            case .unreachable, .untrusted, .tooManyRequests, .serverFailure, .gone: .unavailable
            case .timedOut: .timeout
            case .cancelled, .malformed: .failed
            }
        self.init(code, error.message)
    }
}
