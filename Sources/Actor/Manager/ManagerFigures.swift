/// How much there is of what in the traffic manager.
package struct ManagerFigures: Sendable, Equatable {
    /// Sessions of workstations, those away included.
    package let clients: Int
    /// Sessions of agents, those away included.
    package let agents: Int
    package let attachments: Int
    /// Workloads whose new pods get an agent.
    package let workloads: Int
    /// Sessions that were cut off because they did not read what concerned them, since the start.
    package let cutOff: UInt64
}
