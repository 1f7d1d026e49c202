/// Why a tunnel could not be opened, as the far side's `connect()` saw it.
///
/// Travels as the field `tp-dial-error` of the answer.
package enum DialFailure: Error, Sendable, Equatable {
    /// The destination answered with a reset: nobody listens.
    case refused
    /// No route, or the destination's network says that it is not there.
    case unreachable
    /// No answer in time.
    case timeout
    /// Somebody who may forbids it.
    case policy
    /// The link went away meanwhile, or is not there.
    case linkLost
    /// Anything else, in words.
    case failed(String)

    /// The value of `tp-dial-error`.
    package var token: String {
        switch self {
        case .refused: "refused"
        case .unreachable, .linkLost: "unreachable"
        case .timeout: "timeout"
        case .policy: "policy"
        case .failed: "failed"
        }
    }

    /// The answer's `:status`.
    package var status: String {
        switch self {
        case .policy: "403"
        case .timeout: "504"
        case .refused, .unreachable, .linkLost, .failed: "502"
        }
    }

    /// Reads an answer that is not 200.
    package init(status: String, token: String?) {
        switch token {
        case "refused": self = .refused
        case "unreachable": self = .unreachable
        case "timeout": self = .timeout
        case "policy": self = .policy
        default: self = .failed("the far side answered \(status)")
        }
    }
}
