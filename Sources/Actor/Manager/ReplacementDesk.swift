/// The replacements of pods that are under way, and what is remembered of workloads for them.
///
/// A value inside ``TrafficManager``.
struct ReplacementDesk {
    /// One replacement; others who want the same wait for the same one.
    struct Running {
        let ticket: UInt64
        let goal: PodReplacement.Goal
        /// The ports that every agent is to stand in front of.
        let ports: Set<AgentRoutes.Port>
        /// Lets it look at the workload's agents again.
        let wake: AsyncStream<Void>.Continuation
        /// Who is told of its progress.
        var audience: [Listener]
    }

    /// A request whose sender is told of progress.
    struct Listener: Hashable {
        let request: String
        let session: String
    }

    var running: [WorkloadKey: Running] = [:]
    /// How replacements have ended, until those who wait have seen it.
    var outcomes: [UInt64: Result<Void, ManagerFailure>] = [:]
    /// How many wait for an outcome.
    var waiting: [UInt64: Int] = [:]
    /// Why the injector passed a workload's latest pod over.
    var refusals: [WorkloadKey: String] = [:]
    /// Since when a workload's agents have had nothing to do.
    var idleSince: [WorkloadKey: ContinuousClock.Instant] = [:]
    /// Since when the pods of a workload have been others than what is attached asks for.
    var strangeSince: [WorkloadKey: ContinuousClock.Instant] = [:]
    private var last: UInt64 = 0

    /// A number for a new replacement.
    mutating func nextTicket() -> UInt64 {
        last += 1
        return last
    }

    /// One of those who waited for an outcome takes it; the last one clears it away.
    mutating func take(_ ticket: UInt64) {
        let left = (waiting[ticket] ?? 1) - 1
        waiting[ticket] = left > 0 ? left : nil
        if left <= 0 { outcomes[ticket] = nil }
    }
}
