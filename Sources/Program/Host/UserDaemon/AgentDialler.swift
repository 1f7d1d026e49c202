import Actor
import HTTP2
import NIOCore

/// Dials agents with what a session has been issued.
struct AgentDialler: Sendable {
    let linker: ManagerLinker
    /// A fresh connection to an agent's port.
    let channel: @Sendable (AgentPod) async throws -> any Channel

    /// A link that the agent has admitted.
    ///
    /// - Parameter pod: Whose agent.
    /// - Returns: The link.
    /// - Throws: Why there is none, in words for the user.
    func open(_ pod: AgentPod) async throws -> NIOLoopBound<Link> {
        let channel = try await channel(pod)
        do {
            return try await linker.agent(pod, over: channel)
        } catch {
            channel.close(promise: nil)
            throw error
        }
    }
}
