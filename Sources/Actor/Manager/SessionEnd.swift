import Synchronization

/// The moment at which a session is to be given up, and its link if nobody is at the other end.
///
/// It comes once. A callback rather than something to wait for: a task for each of many thousand sessions takes memory.
package final class SessionEnd: Sendable {
    private enum State {
        case ahead((@Sendable () -> Void)?)
        case over(isCut: Bool)
    }

    private let state = Mutex(State.ahead(nil))

    package init() {}

    /// It has come because nobody is at the other end of the link any more: what is open on it is to be cut.
    package var isCut: Bool {
        state.withLock { state in
            if case .over(isCut: true) = state { true } else { false }
        }
    }

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
    ///
    /// - Parameter isCut: nobody is at the other end of the link any more.
    package func come(isCut: Bool = false) {
        let body = state.withLock { state -> (@Sendable () -> Void)? in
            guard case .ahead(let body) = state else { return nil }
            state = .over(isCut: isCut)
            return body
        }
        body?()
    }
}
