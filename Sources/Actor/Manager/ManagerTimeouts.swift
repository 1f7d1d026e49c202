/// How long the traffic manager waits.
package struct ManagerTimeouts: Sendable {
    /// For an agent to arrive and its pod to be ready, since the last step forward.
    package var agentArrival: Duration
    /// For agents to confirm an attachment.
    package var confirmation: Duration
    /// For an agent to answer, before the cluster is asked whether its pod is there.
    package var silence: Duration
    /// For a change of endpoints to take effect on every node: kube-proxy writes its rules once a second at most.
    package var propagation: Duration
    /// How long a workstation's session whose link is gone can be resumed.
    package var retention: Duration
    /// The same for an agent's session.
    package var agentRetention: Duration
    /// After how long without use a workstation's attachments make way for others'.
    package var inactivity: Duration
    /// How long new pods of a workload still get an agent when it has neither agents nor attachments any more.
    package var workloadRetention: Duration

    package init(
        agentArrival: Duration = .seconds(30),
        confirmation: Duration = .seconds(10),
        silence: Duration = .seconds(2),
        propagation: Duration = .seconds(1),
        retention: Duration = .seconds(24 * 3600),
        agentRetention: Duration = .seconds(15),
        inactivity: Duration = .seconds(600),
        workloadRetention: Duration = .seconds(600)
    ) {
        self.agentArrival = agentArrival
        self.confirmation = confirmation
        self.silence = silence
        self.propagation = propagation
        self.retention = retention
        self.agentRetention = agentRetention
        self.inactivity = inactivity
        self.workloadRetention = workloadRetention
    }

    /// What of it concerns sessions.
    var terms: SessionRegistry.Terms {
        SessionRegistry.Terms(clientRetention: retention, agentRetention: agentRetention, inactivity: inactivity)
    }
}
