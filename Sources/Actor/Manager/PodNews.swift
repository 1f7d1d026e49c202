/// What a watch says of the pods that have agents.
package enum PodNews: Sendable {
    /// All there are, in one namespace or, with nil, everywhere.
    case all([SeenPod], namespace: String?)
    /// One is new, or has changed.
    case seen(SeenPod)
    /// One is watched no longer: as a rule because it is gone, or else because somebody took its labels off.
    case unseen(SeenPod)
}
