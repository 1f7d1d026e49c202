/// How long the traffic manager waits.
package struct ManagerTimeouts: Sendable {
    /// For an agent to arrive and its pod to be ready, since the last step forward.
    package var agentArrival: Duration
    /// For agents to confirm an attachment.
    package var confirmation: Duration
    /// Between two looks at the pods of a workload that is being replaced.
    package var poll: Duration
    /// How long a session whose link is gone can be resumed.
    package var retention: Duration

    package init(
        agentArrival: Duration = .seconds(30),
        confirmation: Duration = .seconds(10),
        poll: Duration = .milliseconds(150),
        retention: Duration = .seconds(120)
    ) {
        self.agentArrival = agentArrival
        self.confirmation = confirmation
        self.poll = poll
        self.retention = retention
    }
}
