/// How the pods of a workload can be replaced.
package enum ReplacementManner: Sendable, Hashable {
    /// The successor first: up to so many pods more than wanted may be there meanwhile.
    case surge(Int)
    /// One pod after another goes, and its successor comes: the workload's own strategy is that, or its pods are numbered.
    case inPlace
    /// Nobody would make a successor, or its work would be lost: the agent must come into the running pod.
    case never
}
