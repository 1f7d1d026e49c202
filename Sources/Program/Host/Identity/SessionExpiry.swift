import NIOCore
import Synchronization

/// When a live session has to end because its certificate does; moved by each renewal.
///
/// Concurrency model: the timer is replaced under a lock, from any thread.
final class SessionExpiry: Sendable {
    private struct State {
        var timer: Scheduled<Void>?
        var isOver = false
    }

    private let eventLoop: any EventLoop
    private let state = Mutex(State())
    private let onEnd: @Sendable () -> Void

    /// Without an end the session lasts.
    ///
    /// - Parameters:
    ///   - eventLoop: counts the time.
    ///   - onEnd: runs there, once, when the end has come.
    init(_ eventLoop: any EventLoop, onEnd: @escaping @Sendable () -> Void) {
        self.eventLoop = eventLoop
        self.onEnd = onEnd
    }

    /// It lasts that long from now.
    func move(to lifetime: Duration) {
        state.withLock { state in
            guard !state.isOver else { return }
            state.timer?.cancel()
            state.timer = eventLoop.scheduleTask(in: TimeAmount(lifetime)) { [weak self] in self?.end() }
        }
    }

    /// The session is over for another reason.
    func stop() {
        state.withLock { state in
            state.isOver = true
            state.timer?.cancel()
            state.timer = nil
        }
    }

    private func end() {
        let isFirst = state.withLock { state in
            defer { state.isOver = true }
            return !state.isOver
        }
        if isFirst { onEnd() }
    }
}
