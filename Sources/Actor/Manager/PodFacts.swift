/// What the manager needs to know of a pod.
package struct PodFacts: Sendable, Hashable {
    /// How a pod stands to its workload.
    package enum Place: Sendable, Hashable {
        /// It is one of the workload's pods.
        case member
        /// It was taken out of the workload's count, so that a successor is made; it serves until that is there.
        case released
        /// No service sends it traffic any more; it is about to be deleted.
        case retired
    }

    /// How bad it is that a pod is not ready.
    package enum Gravity: Sendable, Hashable {
        /// Nothing is known to be wrong.
        case none
        /// Its containers cannot run, and will hardly mend by themselves: image, crash, configuration.
        case stuck
        /// No node has room for it; a cluster that grows may have soon.
        case unschedulable
    }

    package var name: String
    package var uid: String
    package var ready: Bool
    /// It is on its way out: no new traffic comes to it.
    package var terminating: Bool
    /// It has a traffic agent.
    package var hasAgent: Bool
    /// The containers that do not run in it, as its agent has taken their place.
    package var replaced: Set<String>
    package var place: Place
    /// Endpoints of a service name it as ready.
    package var serving: Bool
    /// Why it will not become ready by itself, such as an image that cannot be pulled; empty otherwise.
    package var trouble: String
    package var gravity: Gravity

    package init(
        name: String,
        uid: String? = nil,
        ready: Bool,
        terminating: Bool = false,
        hasAgent: Bool,
        replaced: Set<String> = [],
        place: Place = .member,
        serving: Bool = false,
        trouble: String = "",
        gravity: Gravity = .none
    ) {
        self.name = name
        self.uid = uid ?? name
        self.ready = ready
        self.terminating = terminating
        self.hasAgent = hasAgent
        self.replaced = replaced
        self.place = place
        self.serving = serving
        self.trouble = trouble
        self.gravity = gravity
    }
}
