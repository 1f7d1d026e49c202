internal import NIOCore

/// Decides when to probe a silent peer and when to give it up.
///
/// Knows no timer: time is an argument.
struct KeepaliveMachine {
    /// What to do now.
    enum OnTimer: Equatable {
        /// Nothing before then.
        case wait(until: NIODeadline)
        /// Send a PING and come back then.
        case probe(next: NIODeadline)
        /// The peer is gone.
        case dead
    }

    private let idle: TimeAmount
    private let timeout: TimeAmount
    private let misses: Int
    private var lastHeard: NIODeadline
    private var unanswered = 0

    init(idle: TimeAmount, timeout: TimeAmount, misses: Int, now: NIODeadline) {
        self.idle = idle
        self.timeout = timeout
        self.misses = misses
        self.lastHeard = now
    }

    /// Anything at all came from the peer.
    mutating func heard(at now: NIODeadline) {
        self.lastHeard = now
        self.unanswered = 0
    }

    mutating func onTimer(now: NIODeadline) -> OnTimer {
        let due = self.lastHeard + self.idle
        if self.unanswered == 0, now < due { return .wait(until: due) }
        if self.unanswered >= self.misses { return .dead }
        self.unanswered += 1
        return .probe(next: now + self.timeout)
    }
}
