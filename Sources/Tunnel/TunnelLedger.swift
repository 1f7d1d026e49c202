import Kernel
import Synchronization

/// Counts the tunnels of one direction: how many came about, how many did not and why.
///
/// Concurrency model: confined to one event loop, so that counting costs an addition; only the reference travels.
package final class TunnelLedger {
    /// A tunnel that could not be opened.
    package struct Failure: Sendable, Equatable {
        /// Counts up, over all ledgers of the process.
        package let sequence: UInt64
        /// When, in milliseconds since 1970.
        package let at: UInt64
        /// host:port.
        package let destination: String
        /// Why.
        package let reason: String
    }

    /// How many failures are kept.
    package static let limit = 16

    /// Tunnels that came about.
    package private(set) var opened: UInt64 = 0
    /// Tunnels that did not, by reason.
    package private(set) var failed: [String: UInt64] = [:]
    /// The last failures, oldest first.
    package private(set) var recent: [Failure] = []
    /// One for all ledgers of the process, so that their failures can be put in order.
    private static let sequences = Atomic<UInt64>(0)

    package init() {}

    /// A tunnel has been opened.
    package func succeeded() {
        opened += 1
    }

    /// A tunnel could not be opened.
    package func failed(_ destination: TunnelDestination, _ failure: DialFailure) {
        failed[failure.reason, default: 0] += 1
        if recent.count == Self.limit { recent.removeFirst() }
        recent.append(
            Failure(
                sequence: Self.sequences.wrappingAdd(1, ordering: .relaxed).newValue,
                at: WallClock.milliseconds,
                destination: destination.authority,
                reason: failure.description
            )
        )
    }

    /// What has become of a tunnel.
    package func took(_ result: Result<some Any, DialFailure>, _ destination: TunnelDestination) {
        switch result {
        case .success: succeeded()
        case .failure(let failure): failed(destination, failure)
        }
    }
}

// Confined to one loop, see "Concurrency model" above.
extension TunnelLedger: @unchecked Sendable {}

extension DialFailure: CustomStringConvertible {
    /// The kind of failure, for counting; unlike ``token``, a lost link is not the same as an unreachable destination.
    package var reason: String { self == .linkLost ? "link-lost" : token }

    /// The kind, and in words what is not of a known kind.
    package var description: String {
        if case .failed(let text) = self { text } else { reason }
    }
}
