package import Message

/// The methods of the service `Manager`, answered by the traffic manager.
package enum ManagerCalls {
    /// Who answers.
    ///
    /// Unary.
    package static let version = CallMethod<Empty, VersionInfo>("Manager", "Version")
    /// A participant's life: bidirectional; ends the session's link state, not the session.
    package static let session = CallMethod<ParticipantMessage, ManagerMessage>("Manager", "Session")
    /// The workloads of a namespace.
    ///
    /// Unary.
    package static let listWorkloads = CallMethod<ListWorkloadsRequest, WorkloadList>("Manager", "ListWorkloads")
    /// Replaces pods by pods without an agent; answered when that is done.
    ///
    /// Unary.
    package static let removeAgents = CallMethod<RemoveAgentsRequest, RemoveAgentsResult>("Manager", "RemoveAgents")
}
