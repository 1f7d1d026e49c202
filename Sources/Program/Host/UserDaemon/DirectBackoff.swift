import Synchronization

/// How long to leave direct links alone after they have failed: remembered beyond the session that saw it.
final class DirectBackoff: Sendable {
    private static let longest = 60.0
    private let failures = Mutex(0)

    /// Before the next attempt: nothing the first time, then two seconds, doubling up to a minute.
    var delay: Duration {
        failures.withLock { count in
            guard count > 0 else { return .zero }
            var seconds = 2.0
            for _ in 1..<min(count, 10) { seconds *= 2 }
            return .seconds(min(seconds, Self.longest))
        }
    }

    /// No direct link could be made, or the one that there was has failed.
    func failed() { failures.withLock { $0 += 1 } }

    /// A direct link has stood for a while.
    func stood() { failures.withLock { $0 = 0 } }
}
