import Synchronization

/// When a live session has to end because its certificate does; moved by each renewal.
final class SessionExpiry: Sendable {
    private let end: Mutex<ContinuousClock.Instant?>

    /// Without an end the session lasts.
    init() { end = Mutex(nil) }

    /// It lasts that long from now.
    func move(to lifetime: Duration) {
        end.withLock { $0 = .now.advanced(by: lifetime) }
    }

    /// It is over.
    var isOver: Bool { end.withLock { $0.map { $0 <= .now } ?? false } }

    /// Comes back when it is over, or the task is cancelled.
    func passed() async {
        while !Task.isCancelled, !isOver {
            // A first end may be set later; nobody waits for it to the second.
            let next = end.withLock { $0 } ?? .now.advanced(by: .seconds(60))
            try? await Task.sleep(until: next, clock: .continuous)
        }
    }
}
