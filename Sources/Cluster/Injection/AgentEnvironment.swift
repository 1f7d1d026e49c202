/// The names of the agent's own environment variables and of what ``Injector`` adds to a pod.
package enum AgentEnvironment {
    /// The agent's container.
    package static let containerName = "traffic-agent"
    /// The init container that redirects ports, where that is needed.
    package static let initContainerName = "tel-agent-init"
    /// The volume for the agent's own files.
    package static let volumeName = "tel-agent-tmp"
    /// What the names of the volumes with certificates begin with.
    package static let tlsVolumePrefix = "tel-agent-tls-"
    /// The volume with the token by which the agent proves whose it is.
    package static let tokenVolumeName = "tel-agent-token"
    /// Where that volume is in the agent.
    package static let tokenDirectory = "/var/run/secrets/telepresence"
    /// Whom the token is made for: the traffic manager alone.
    package static let tokenAudience = "telepresence"
    /// The file that says that the agent serves.
    package static let readyFile = "/tmp/agent/ready"

    /// The manager's host name or address.
    package static let managerHost = "TELEPRESENCE_MANAGER_HOST"
    /// The manager's port.
    package static let managerPort = "TELEPRESENCE_MANAGER_PORT"
    /// The manager's CA certificate, PEM.
    package static let managerCA = "TELEPRESENCE_MANAGER_CA"
    /// The pod's name.
    package static let podName = "TELEPRESENCE_POD_NAME"
    /// The pod's address, the first one when it has several.
    package static let podAddress = "TELEPRESENCE_POD_IP"
    /// The node's address, from which probes come; in ephemeral agents only.
    package static let hostAddress = "TELEPRESENCE_HOST_IP"
    /// The pod's namespace.
    package static let podNamespace = "TELEPRESENCE_POD_NAMESPACE"
    /// How much is logged: `debug`, `info`, `warning` or `error`.
    package static let logLevel = "TELEPRESENCE_LOG_LEVEL"
    /// The node's name.
    package static let nodeName = "TELEPRESENCE_NODE_NAME"

    /// The prefix of the app's variables in the agent's environment, by the app container's index.
    package static func appPrefix(_ index: Int) -> String {
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        let letter = String(letters[index % letters.count])
        return "_TEL_APP_\(letter)\(index < letters.count ? "" : String(index / letters.count))_"
    }
}
