import Actor
import Call

extension DaemonFailure {
    /// What a call's failure means to the user.
    init(_ error: any Error) {
        switch error {
        case let failure as DaemonFailure: self = failure
        case let status as CallStatus:
            let message = status.message.isEmpty ? status.code.name : status.message
            switch status.code {
            case .invalidArgument, .outOfRange: self.init(.invalid, message)
            case .notFound: self.init(.notFound, message)
            case .alreadyExists, .aborted: self.init(.conflict, message)
            case .failedPrecondition: self.init(.precondition, message)
            case .unauthenticated: self.init(.unauthenticated, message)
            case .permissionDenied: self.init(.forbidden, message)
            case .unavailable: self.init(.unavailable, message)
            case .deadlineExceeded: self.init(.timeout, message)
            default: self.init(.failed, message)
            }
        case is CancellationError: self.init(.failed, "interrupted")
        default: self.init(.failed, "\(error)")
        }
    }

    /// The status by which the daemon's own callers are told.
    var callStatus: CallStatus {
        let code: CallCode =
            switch code {
            case .invalid: .invalidArgument
            case .notFound: .notFound
            case .conflict: .alreadyExists
            case .precondition: .failedPrecondition
            case .unauthenticated: .unauthenticated
            case .forbidden: .permissionDenied
            case .unavailable: .unavailable
            case .timeout: .deadlineExceeded
            case .failed: .unknown
            }
        return CallStatus(code, message)
    }
}
