import DequeModule

/// The workloads whose new pods get an agent.
///
/// Pure; time comes as an argument. A workload is wanted while it has agents or attachments, and for some time after, so
/// that a rolling update or a pause at no pods leaves no pod without its agent; then it is forgotten.
package struct WantedWorkloads: Sendable {
    private struct Vacancy: Sendable {
        let workload: WorkloadKey
        let since: ContinuousClock.Instant
    }

    private let retention: Duration
    /// Since when nobody is there; nil while somebody is.
    private var vacantSince: [WorkloadKey: ContinuousClock.Instant?] = [:]
    /// In the order of time; what has been used again since is skipped when its turn comes.
    private var vacancies: Deque<Vacancy> = []

    package init(retention: Duration) {
        self.retention = retention
    }

    /// How many there are.
    package var count: Int { vacantSince.count }

    package func contains(_ workload: WorkloadKey) -> Bool { vacantSince[workload] != nil }

    /// A workload has an agent or an attachment.
    package mutating func occupied(_ workload: WorkloadKey) {
        vacantSince[workload] = .some(nil)
    }

    /// A workload has neither agents nor attachments any more; of no effect where it is not wanted.
    package mutating func vacated(_ workload: WorkloadKey, now: ContinuousClock.Instant) {
        guard vacantSince[workload] == .some(nil) else { return }
        vacantSince[workload] = .some(now)
        vacancies.append(Vacancy(workload: workload, since: now))
    }

    /// Forgets a workload at once.
    package mutating func forget(_ workload: WorkloadKey) { vacantSince[workload] = nil }

    /// Forgets what has been vacant for too long.
    package mutating func expire(now: ContinuousClock.Instant) {
        while let first = vacancies.first, first.since.advanced(by: retention) <= now {
            vacancies.removeFirst()
            if vacantSince[first.workload] == .some(first.since) { vacantSince[first.workload] = nil }
        }
    }
}
