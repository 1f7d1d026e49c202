/// A port of the app that an agent shall stand in front of.
struct TargetPort: Sendable, Hashable {
    /// The place of its container in `spec.containers`.
    var container: Int
    /// The declared port; nil when the container does not declare it.
    var declared: AppContainer.Port?
    var transport: String
    var number: Int
    /// Whether callers come by the number, so that packets must be redirected; otherwise by the name.
    var byNumber: Bool
    var services: [AgentConfig.ServicePort]
    /// Its container does not run: nobody but the agent listens there.
    var isReplaced = false

    /// The agent can listen on the very port, as nobody else does and it needs no privilege.
    var isDirect: Bool { isReplaced && number >= 1024 }

    /// Packets must be redirected to the agent.
    var needsRedirect: Bool { byNumber && !isDirect }

    /// The agent's port gets its name, by which services come to it.
    var takesName: Bool { isReplaced ? !services.isEmpty && !needsRedirect : !byNumber }
}
