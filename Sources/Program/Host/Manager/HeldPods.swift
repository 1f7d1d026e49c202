import Actor
import Cluster

/// The replaced pods that this very process deals with, which are not to be tidied up.
///
/// Pure.
struct HeldPods {
    /// Those of replacements that run, by uid.
    private var replacing: [String: WorkloadKey] = [:]
    /// Those that are about to be deleted, by uid.
    private var leaving: Set<String> = []

    /// A replacement of this process takes a pod out of its controller's count, or out of its services.
    mutating func hold(_ uid: String, for workload: WorkloadKey) { replacing[uid] = workload }

    /// A pod was given back.
    mutating func release(_ uid: String) { replacing[uid] = nil }

    /// The replacement of a workload is over.
    mutating func letGo(of workload: WorkloadKey) { replacing = replacing.filter { $0.value != workload } }

    /// A running replacement of this process has hold of a pod, or of another pod of its workload.
    func isReplacing(_ pod: PodView) -> Bool {
        replacing[pod.uid] != nil
            || replacing.values.contains {
                $0.namespace == pod.namespace
                    && WorkloadPods.name(of: $0) == pod.annotations[InjectionAnnotations.replacedOf]
            }
    }

    /// A pod is about to be deleted.
    ///
    /// - Returns: That it was not before.
    mutating func beginLeaving(_ uid: String) -> Bool { leaving.insert(uid).inserted }

    /// A pod was deleted, or cannot be.
    mutating func endLeaving(_ uid: String) { leaving.remove(uid) }

    /// Whether a pod is about to be deleted.
    func isLeaving(_ uid: String) -> Bool { leaving.contains(uid) }
}
