/// What ``Injector`` decided about a pod.
package enum InjectionOutcome: Sendable, Hashable {
    /// The pod gets an agent by this patch; the warnings say what the agent will not do.
    case inject(patch: JSONPatch, config: AgentConfig, warnings: [String])
    /// The pod has an agent already: nothing to do.
    case present
    /// The pod cannot or must not get an agent; the reason is a sentence without its subject's name.
    case refused(reason: String)
}
