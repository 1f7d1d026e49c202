/// What the manager needs to know of a pod.
package struct PodFacts: Sendable, Hashable {
    package var name: String
    package var ready: Bool
    /// It is on its way out: no new traffic comes to it.
    package var terminating: Bool
    /// It has a traffic agent.
    package var hasAgent: Bool
    /// Why it will not become ready by itself, such as an image that cannot be pulled; empty otherwise.
    package var trouble: String

    package init(name: String, ready: Bool, terminating: Bool, hasAgent: Bool, trouble: String = "") {
        self.name = name
        self.ready = ready
        self.terminating = terminating
        self.hasAgent = hasAgent
        self.trouble = trouble
    }
}
