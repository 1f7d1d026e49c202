/// A workload's pods at one moment.
package struct PodPicture: Sendable, Hashable {
    /// Its pods, and those that were its pods and are being replaced.
    package var pods: [PodFacts]
    /// Why its controller cannot make pods, such as a quota; empty otherwise.
    package var problem: String

    package init(pods: [PodFacts], problem: String = "") {
        self.pods = pods
        self.problem = problem
    }
}
