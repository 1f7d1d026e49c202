/// The waits between attempts at something that many lose at the same moment.
///
/// Pure: chance comes as an argument. Each wait is the double of the one before up to a limit, and is spread over half to
/// one and a half of that, so that ten thousand agents whose manager has gone do not all come back at once.
package struct Backoff: Sendable {
    private let first: Duration
    private let limit: Duration
    private var step: Duration

    package init(first: Duration = .milliseconds(250), limit: Duration = .seconds(5)) {
        self.first = first
        self.limit = limit
        step = first
    }

    /// How long to wait before the next attempt.
    ///
    /// - Parameter chance: from 0 up to but not 1, anew for each attempt.
    /// - Returns: the wait.
    package mutating func next(_ chance: Double) -> Duration {
        defer { step = min(step * 2, limit) }
        return step * (0.5 + chance)
    }

    /// An attempt has succeeded.
    package mutating func reset() {
        step = first
    }
}
