/// Finds what has changed in a list of workloads since the last time.
struct WorkloadWatch {
    /// A workload that is new, different or gone.
    struct Change: Encodable, Equatable {
        /// `added`, `modified` or `removed`.
        var change: String
        /// As it is now, or was last.
        var workload: WorkloadOutput
    }

    private var former: [String: WorkloadOutput] = [:]
    private var looks = 0

    /// This was the first look: an empty list is news, too.
    var isFirst: Bool { looks == 1 }

    /// What is different from the last time, in the list's order; what is gone comes first.
    mutating func changes(to workloads: [WorkloadOutput]) -> [Change] {
        looks += 1
        let present = Dictionary(workloads.map { ($0.title, $0) }) { first, _ in first }
        var changes: [Change] = []
        for (title, workload) in former.sorted(by: { $0.key < $1.key }) where present[title] == nil {
            changes.append(Change(change: "removed", workload: workload))
        }
        for workload in workloads where former[workload.title] != workload {
            changes.append(Change(change: former[workload.title] == nil ? "added" : "modified", workload: workload))
        }
        former = present
        return changes
    }
}
