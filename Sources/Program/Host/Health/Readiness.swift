import Synchronization

/// Whether a program is to get work, and if not, why.
package final class Readiness: Sendable {
    private let reason = Mutex<String?>("starting")

    package init() {}

    /// Why not; nil when it is ready.
    package var obstacle: String? { reason.withLock { $0 } }

    /// From now on it is ready, or is not for this reason.
    package func set(_ obstacle: String?) {
        reason.withLock { $0 = obstacle }
    }
}
