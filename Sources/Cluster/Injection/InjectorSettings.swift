/// What the manager tells every agent that it injects.
package struct InjectorSettings: Sendable, Hashable {
    /// The image with the program `traffic`.
    package var agentImage: String
    /// `Always`, `IfNotPresent` or `Never`; nil leaves it to Kubernetes.
    package var imagePullPolicy: String?
    /// The manager's name or address, as pods reach it.
    package var managerHost: String
    package var managerPort: Int
    /// The manager's CA certificate, PEM.
    package var managerCA: String
    /// The agents' log level.
    package var logLevel: String
    /// The user and group that an agent runs as where the pod names none but root; nil leaves it to the image.
    package var agentUser: Int64?
    /// Whether agents can be sidecars of Kubernetes' own.
    package var nativeSidecars: NativeSidecars
    /// The number that the agents' own ports count up from.
    package var firstAgentPort: Int
    /// The number that the ports count up from by which probes pass an agent by.
    package var firstProbePort: Int
    /// What becomes of volumes of pods that say nothing themselves.
    package var mountPolicies: MountPolicies.Rules

    package init(
        agentImage: String,
        imagePullPolicy: String? = nil,
        managerHost: String,
        managerPort: Int = 8081,
        managerCA: String,
        logLevel: String = "info",
        agentUser: Int64? = 7439,
        nativeSidecars: NativeSidecars = .none,
        firstAgentPort: Int = 9900,
        firstProbePort: Int = 10900,
        mountPolicies: MountPolicies.Rules = [:]
    ) {
        self.agentImage = agentImage
        self.imagePullPolicy = imagePullPolicy
        self.managerHost = managerHost
        self.managerPort = managerPort
        self.managerCA = managerCA
        self.logLevel = logLevel
        self.agentUser = agentUser
        self.nativeSidecars = nativeSidecars
        self.firstAgentPort = firstAgentPort
        self.firstProbePort = firstProbePort
        self.mountPolicies = mountPolicies
    }
}
