import Synchronization

/// The moment at which a session's link is to be given up.
///
/// It comes once. A callback rather than something to wait for: a task for each of many thousand sessions takes memory.
package final class SessionEnd: Sendable {
    private enum State {
        case ahead((@Sendable () -> Void)?)
        case over
    }

    private let state = Mutex(State.ahead(nil))

    package init() {}

    /// Runs `body` when it comes, at once when it has come already; replaces what was to run before.
    package func whenOver(_ body: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if case .over = state { return true }
            state = .ahead(body)
            return false
        }
        if isOver { body() }
    }

    /// It has come; of no effect the second time.
    package func come() {
        let body = state.withLock { state -> (@Sendable () -> Void)? in
            guard case .ahead(let body) = state else { return nil }
            state = .over
            return body
        }
        body?()
    }
}
