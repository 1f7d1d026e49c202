package import Message

/// What the manager needs to know of a workload.
package struct WorkloadFacts: Sendable, Hashable {
    /// A port that a container declares.
    package struct Port: Sendable, Hashable {
        package var name: String
        package var number: UInt16
        package var transport: PortProtocol

        package init(name: String, number: UInt16, transport: PortProtocol = .tcp) {
            self.name = name
            self.number = number
            self.transport = transport
        }
    }

    /// A container of the pod template, without agents.
    package struct Container: Sendable, Hashable {
        package var name: String
        package var ports: [Port]

        package init(name: String, ports: [Port]) {
            self.name = name
            self.ports = ports
        }
    }

    package var key: WorkloadKey
    /// Labels of the pod template: services select by them.
    package var labels: [String: String]
    package var containers: [Container]
    package var replicas: Int
    package var ready: Int
    /// Why it cannot be attached to; empty if it can.
    package var obstacle: String
    /// How its pods can be replaced.
    package var manner: ReplacementManner
    /// For how long a new pod must have been ready before it counts.
    package var minReadySeconds: Int
    /// An annotation asks for an agent in every pod.
    package var asksForAgent: Bool

    package init(
        key: WorkloadKey,
        labels: [String: String],
        containers: [Container],
        replicas: Int,
        ready: Int,
        obstacle: String = "",
        manner: ReplacementManner = .inPlace,
        minReadySeconds: Int = 0,
        asksForAgent: Bool = false
    ) {
        self.key = key
        self.labels = labels
        self.containers = containers
        self.replicas = replicas
        self.ready = ready
        self.obstacle = obstacle
        self.manner = manner
        self.minReadySeconds = minReadySeconds
        self.asksForAgent = asksForAgent
    }
}
