/// One change of a pod on the way to a workload whose pods all have an agent, or none.
package enum PodStep: Sendable, Hashable {
    /// Takes the pod out of its controller's count, which makes a successor; services go on sending it traffic.
    case release(String)
    /// Takes a released pod out of the services, and deletes it once its last requests have had time to end.
    case retire(String)
    /// Gives a released pod back to its controller, which then deletes the successor.
    case restore(String)
    /// Evicts the pod: its controller makes a successor when it is gone.
    case evict(String)
    /// Puts an agent into the running pod, as an ephemeral container.
    case inject(String)

    /// The pod that it is about.
    package var pod: String {
        switch self {
        case .release(let pod), .retire(let pod), .restore(let pod), .evict(let pod), .inject(let pod): pod
        }
    }

    /// A new pod comes of it.
    package var makesPod: Bool {
        switch self {
        case .release, .evict: true
        case .retire, .restore, .inject: false
        }
    }
}
