import Synchronization

/// What the API server has said, for a few seconds; bounded.
final class ReviewCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let entries = Mutex<[Key: (value: Value, end: ContinuousClock.Instant)]>([:])
    private let lifetime: Duration
    private let limit: Int

    /// Keeps at most `limit` answers, each for `lifetime`.
    init(lifetime: Duration, limit: Int = 4096) {
        self.lifetime = lifetime
        self.limit = limit
    }

    subscript(key: Key) -> Value? {
        entries.withLock { entries in
            guard let entry = entries[key], .now < entry.end else { return nil }
            return entry.value
        }
    }

    /// Keeps an answer; when there is no room the old ones go, and if none is old, all.
    func keep(_ value: Value, for key: Key) {
        let now = ContinuousClock.now
        entries.withLock { entries in
            if entries.count >= limit { entries = entries.filter { now < $0.value.end } }
            if entries.count >= limit { entries = [:] }
            entries[key] = (value, now.advanced(by: lifetime))
        }
    }
}
