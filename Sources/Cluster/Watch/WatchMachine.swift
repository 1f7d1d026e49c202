/// Decides how a list-and-watch goes on: list, watch from where it was, wait, or give up.
///
/// Pure; waits are in seconds.
///
/// ```
///           listed                 ended, lost
///  list ──────────────► watch ───────────────────► (wait) ──► watch
///   ▲                     │ 410 Gone
///   └─────────────────────┘
/// ```
package struct WatchMachine: Sendable, Hashable {
    /// What to do next.
    package enum Action: Sendable, Hashable {
        case list
        case watch(from: String)
        /// Wait so many seconds, then call ``onWaited()``.
        case wait(seconds: Double)
        /// There is no hope: the error is the caller's.
        case fail
    }

    /// The first wait after a failure, in seconds; each further one is twice as long.
    private static let shortestWait = 0.25
    /// The longest wait, in seconds, but for what the server itself asks for.
    private static let longestWait = 30.0

    /// Where to resume; nil means list again.
    private var version: String?
    private var everListed = false
    /// Failures in a row.
    private var failures = 0

    package init() {}

    /// What to do first, and after each wait.
    package func onWaited() -> Action {
        version.map { .watch(from: $0) } ?? .list
    }

    /// A list came.
    package mutating func onListed(resourceVersion: String) -> Action {
        version = resourceVersion
        everListed = true
        return .watch(from: resourceVersion)
    }

    /// An event came.
    package mutating func onEvent(resourceVersion: String?) {
        if let resourceVersion { version = resourceVersion }
        failures = 0
    }

    /// The watch ended in good order (servers end each after some minutes).
    ///
    /// - Parameters:
    ///   - lasted: How long it was open, in seconds.
    ///   - jitter: A random number from 0 to 1.
    /// - Returns: What to do next.
    package mutating func onEnded(lasted: Double, jitter: Double) -> Action {
        if lasted >= 1 {
            failures = 0
            return onWaited()
        }
        // A server that ends every watch at once would be asked in a circle.
        return wait(atLeast: 0, jitter)
    }

    /// A list or a watch failed.
    ///
    /// - Parameters:
    ///   - error: Why.
    ///   - jitter: A random number from 0 to 1.
    /// - Returns: What to do next.
    package mutating func onFailed(_ error: APIError, jitter: Double) -> Action {
        switch error.kind {
        case .cancelled: return .fail
        case .gone:
            let relist = version != nil
            version = nil
            // The first time at once: it is the normal way out of a long sleep.
            if relist, failures == 0 {
                failures = 1
                return .list
            }
        case .forbidden, .notFound, .invalid, .untrusted, .credentials, .unauthorized:
            guard everListed else { return .fail }
        default: break
        }
        return wait(atLeast: Double(error.retryAfterSeconds ?? 0), jitter)
    }

    private mutating func wait(atLeast: Double, _ jitter: Double) -> Action {
        failures += 1
        var seconds = Self.shortestWait
        for _ in 1..<min(failures, 10) { seconds *= 2 }
        seconds = min(seconds, Self.longestWait)
        return .wait(seconds: max(atLeast, seconds * (0.5 + jitter / 2)))
    }
}
