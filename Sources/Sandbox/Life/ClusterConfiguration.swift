/// How a sandbox is to be started.
package struct ClusterConfiguration: Sendable {
    /// Where the API server listens, in the namespace in which the sandbox was started.
    package var address = "127.0.0.1"
    /// Zero takes a free port.
    package var port: UInt16 = 0
    /// The address at which Services of type NodePort and LoadBalancer can be reached; nil for none.
    package var publish: String?
    /// Where certificates, logs and the sandbox's process number are kept.
    package var state: String
    /// The program that pods' processes are made from: the sandbox's own.
    package var program: String
    /// What stands for images.
    package var images = ImageTable()

    /// A configuration with defaults.
    package init(state: String, program: String) {
        self.state = state
        self.program = program
    }
}
