import Synchronization

/// What the participants have seen, for who waits for it.
final class Board: Sendable {
    private struct State {
        var counts: [Mark: Int] = [:]
        var ids: [Int: String] = [:]
        var differentIDs = 0
        /// When the last of the agents of the workload that is watched was told.
        var toldAt: ContinuousClock.Instant?
        var told = 0
        var watched = -1
        var waiting: [(condition: Condition, continuation: CheckedContinuation<Void, Never>)] = []
        var trouble = ""
    }

    /// What is counted.
    enum Mark: Hashable, Sendable {
        case agents, workstations, attachments, tunnels
    }

    /// What is waited for.
    enum Condition: Sendable {
        case count(Mark, Int)
        case told(Int)
    }

    private let state = Mutex(State())

    /// A participant has been welcomed, or an attachment become active.
    func count(_ mark: Mark) {
        change { $0.counts[mark, default: 0] += 1 }
    }

    /// An attachment of a workstation is active under `id`.
    func active(_ workstation: Int, _ id: String) {
        change { state in
            if let former = state.ids[workstation], former != id { state.differentIDs += 1 }
            state.ids[workstation] = id
            state.counts[.attachments, default: 0] += 1
        }
    }

    /// An agent of a workload was told of a change.
    func told(_ workload: Int) {
        let now = ContinuousClock.now
        change { state in
            guard workload == state.watched else { return }
            state.told += 1
            state.toldAt = now
        }
    }

    /// Something went wrong.
    func complain(_ text: String) {
        change { $0.trouble = text }
    }

    /// How much there was, and what went wrong last.
    var summary: (counts: [Mark: Int], differentIDs: Int, trouble: String) {
        state.withLock { ($0.counts, $0.differentIDs, $0.trouble) }
    }

    /// From now on everything is counted anew.
    func reset() {
        state.withLock { $0.counts = [:] }
    }

    /// From now on what agents of `workload` are told is counted.
    func watch(_ workload: Int) {
        state.withLock { state in
            state.watched = workload
            state.told = 0
            state.toldAt = nil
        }
    }

    /// When the last was told.
    var toldAt: ContinuousClock.Instant? { state.withLock { $0.toldAt } }

    /// Waits until it holds.
    func until(_ condition: Condition) async {
        await withCheckedContinuation { continuation in
            let holds = state.withLock { state in
                if Self.holds(condition, state) { return true }
                state.waiting.append((condition, continuation))
                return false
            }
            if holds { continuation.resume() }
        }
    }

    private func change(_ body: (inout State) -> Void) {
        let ready = state.withLock { state in
            body(&state)
            guard !state.waiting.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            let (met, open) = (
                state.waiting.filter { Self.holds($0.condition, state) },
                state.waiting.filter { !Self.holds($0.condition, state) }
            )
            state.waiting = open
            return met.map(\.continuation)
        }
        for continuation in ready { continuation.resume() }
    }

    private static func holds(_ condition: Condition, _ state: State) -> Bool {
        switch condition {
        case .count(let mark, let number): state.counts[mark, default: 0] >= number
        case .told(let number): state.told >= number
        }
    }
}
