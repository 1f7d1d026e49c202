internal import Cluster

/// Why something about an installation failed, and what to do about it.
package struct InstallationError: Error, Sendable, Hashable {
    /// What sort of failure it is: what exit codes tell apart.
    package enum Kind: Sendable, Hashable {
        /// Values, flags or files are wrong; nothing was changed.
        case invalid
        /// The cluster cannot be reached, or does not know the user.
        case unreachable
        /// A right is missing.
        case forbidden
        /// The state of the cluster does not allow it.
        case refused
        /// Everything was applied, but the traffic manager does not become ready.
        case notReady
    }

    package let kind: Kind
    /// One sentence or a few lines, naming the input.
    package let message: String
    /// What the user can do.
    package let remedy: String?

    package init(_ kind: Kind, _ message: String, remedy: String? = nil) {
        self.kind = kind
        self.message = message
        self.remedy = remedy
    }

    /// A request that failed.
    init(_ error: APIError) {
        let kind: Kind =
            switch error.kind {
            case .unreachable, .untrusted, .credentials, .unauthorized, .timedOut: .unreachable
            case .forbidden: .forbidden
            default: .refused
            }
        self.init(kind, error.message)
    }
}

extension InstallationError: CustomStringConvertible {
    package var description: String { remedy.map { "\(message)\n  try: \($0)" } ?? message }
}
