import Synchronization

/// Which way of port-forwarding each API server takes, so that what was refused is not tried for every connection.
///
/// Concurrency model: any thread; one mutex.
final class PortForwardMemory: Sendable {
    private struct Entry {
        let detour: PortForward.Detour
        let end: ContinuousClock.Instant
    }

    /// How long the first way is left alone after it was refused: proxies and servers are replaced.
    static let lifetime = Duration.seconds(600)
    private static let limit = 64

    private let lifetime: Duration
    private let entries = Mutex<[ClusterEndpoint: Entry]>([:])

    init(lifetime: Duration = PortForwardMemory.lifetime) {
        self.lifetime = lifetime
    }

    /// What has been taken in place of the first way; nil when that is to be tried.
    func detour(at endpoint: ClusterEndpoint) -> PortForward.Detour? {
        entries.withLock { entries in
            guard let entry = entries[endpoint], .now < entry.end else { return nil }
            return entry.detour
        }
    }

    /// The ways in the order in which they are to be tried.
    func order(at endpoint: ClusterEndpoint) -> [PortForwardWay] {
        guard let known = detour(at: endpoint)?.way else { return PortForwardWay.allCases }
        return [known] + PortForwardWay.allCases.filter { $0 != known }
    }

    /// A way was taken.
    ///
    /// - Parameters:
    ///   - way: which.
    ///   - refusals: why those that were tried before it were not.
    ///   - endpoint: the server.
    func took(_ way: PortForwardWay, after refusals: [String], at endpoint: ClusterEndpoint) {
        entries.withLock { entries in
            guard way != PortForwardWay.allCases.first else {
                entries[endpoint] = nil
                return
            }
            // What was remembered is still true.
            guard !refusals.isEmpty else { return }
            if entries.count >= Self.limit { entries = [:] }
            entries[endpoint] = Entry(
                detour: PortForward.Detour(way: way, reason: refusals.joined(separator: "; ")),
                end: .now.advanced(by: lifetime)
            )
        }
    }
}
