package import Message

/// The direct links from a workstation to the agents of its attachments: which are wanted, which stand, and why the others
/// do not.
///
/// Pure: inputs return what to do.
///
///     resting ──session──► dialling ──opened──► up
///        ▲                  ▲   │               │
///        │                  └───┴───after a while, as long as there is a session
///        └────failed or lost without a session──┘
///
/// A link outlives the session's links with the manager, as long as the session itself is taken up again: what is open on
/// it goes on. Each attempt has a number, so that late news of a former one change nothing.
package struct DirectAgents: Sendable {
    /// What is to be done.
    package enum Action: Sendable, Equatable {
        /// Dial after a while; nobody needs the former attempt any more.
        case dial(AgentPod, attempt: UInt64, after: Duration)
        /// Give an attempt up, or take nothing new on its link.
        case leave(AgentPod, attempt: UInt64)
    }

    private enum State: Sendable {
        /// There is no session to dial for.
        case resting
        case dialling
        case up(since: ContinuousClock.Instant)
    }

    private struct Entry: Sendable {
        var state = State.resting
        var attempt: UInt64 = 0
        var backoff = Backoff(first: DirectAgents.firstWait, limit: DirectAgents.longestWait)
        var reason = "the direct link is not made yet"
    }

    /// Between attempts.
    static let firstWait = Duration.milliseconds(250)
    static let longestWait = Duration.seconds(30)
    /// A link that has stood so long was a good one: when it is lost, the next attempt comes soon.
    static let goodTime = Duration.seconds(10)

    private var session = ""
    private var isLinked = false
    private var entries: [AgentPod: Entry] = [:]
    private var lastAttempt: UInt64 = 0

    package init() {}

    /// The attachments are these from now on.
    package mutating func serve(_ attachments: [Attachment]) -> [Action] {
        let wanted = Set(attachments.flatMap(AgentPod.all))
        var actions: [Action] = []
        for (pod, entry) in entries where !wanted.contains(pod) {
            entries[pod] = nil
            actions.append(.leave(pod, attempt: entry.attempt))
        }
        for pod in wanted where entries[pod] == nil {
            entries[pod] = Entry()
            if isLinked { actions.append(dial(pod, after: .zero)) }
        }
        return actions
    }

    /// This session is linked with the manager, or none is: then nothing is dialled.
    ///
    /// The links of another session are left.
    package mutating func use(session id: String?) -> [Action] {
        guard let id else {
            isLinked = false
            return []
        }
        let isOther = id != session
        session = id
        isLinked = true
        var actions: [Action] = []
        for (pod, entry) in entries {
            if !isOther, case .up = entry.state { continue }
            if isOther, entry.attempt > 0 { actions.append(.leave(pod, attempt: entry.attempt)) }
            entries[pod] = Entry()
            actions.append(dial(pod, after: .zero))
        }
        return actions
    }

    /// A link is there.
    ///
    /// False where nobody wants it any more: it is to be left.
    package mutating func opened(_ pod: AgentPod, attempt: UInt64, now: ContinuousClock.Instant) -> Bool {
        guard var entry = entries[pod], entry.attempt == attempt, case .dialling = entry.state else { return false }
        entry.state = .up(since: now)
        entry.reason = ""
        entries[pod] = entry
        return true
    }

    /// An attempt has failed, or its link is lost.
    ///
    /// - Parameters:
    ///   - pod: whose.
    ///   - attempt: which; that of a former one changes nothing.
    ///   - reason: for people.
    ///   - now: the time.
    ///   - chance: from 0 up to but not 1, anew each time.
    /// - Returns: The next attempt, if there is one.
    package mutating func failed(
        _ pod: AgentPod,
        attempt: UInt64,
        reason: String,
        now: ContinuousClock.Instant,
        chance: Double
    ) -> Action? {
        guard var entry = entries[pod], entry.attempt == attempt else { return nil }
        switch entry.state {
        case .resting: return nil
        case .dialling: break
        case .up(let since):
            if since.duration(to: now) >= Self.goodTime { entry.backoff.reset() }
        }
        entry.state = .resting
        entry.reason = reason
        let wait = entry.backoff.next(chance)
        entries[pod] = entry
        return isLinked ? dial(pod, after: wait) : nil
    }

    /// Which way the traffic of each attachment takes.
    package func ways(_ attachments: [Attachment]) -> [AttachmentWay] {
        attachments.map { attachment in
            let pods = AgentPod.all(of: attachment)
            let others = pods.compactMap { pod -> String? in
                let reason = entries[pod]?.reason ?? "the direct link is not made yet"
                return reason.isEmpty ? nil : "\(pod.name): \(reason)"
            }
            if pods.isEmpty {
                let reason =
                    attachment.state == .active ? "no agent takes direct links" : "no agent serves the attachment now"
                return AttachmentWay(attachmentID: attachment.id, way: "manager", reason: reason)
            }
            let way = others.isEmpty ? "direct" : others.count == pods.count ? "manager" : "mixed"
            return AttachmentWay(attachmentID: attachment.id, way: way, reason: others.joined(separator: "; "))
        }
    }

    private mutating func dial(_ pod: AgentPod, after wait: Duration) -> Action {
        lastAttempt += 1
        entries[pod]?.state = .dialling
        entries[pod]?.attempt = lastAttempt
        return .dial(pod, attempt: lastAttempt, after: wait)
    }
}
