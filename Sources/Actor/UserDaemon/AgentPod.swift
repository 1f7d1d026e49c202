package import Message

/// The agent of a pod, as far as a direct link needs to know it.
package struct AgentPod: Sendable, Hashable, CustomStringConvertible {
    package let namespace: String
    /// The pod's name.
    package let name: String
    /// Where it takes direct links, on the pod's loopback address.
    package let port: UInt16

    package init(namespace: String, name: String, port: UInt16) {
        self.namespace = namespace
        self.name = name
        self.port = port
    }

    package var description: String { "\(namespace)/\(name)" }

    /// The agents of an attachment that take direct links.
    package static func all(of attachment: Attachment) -> [AgentPod] {
        attachment.agents.filter { $0.linkPort > 0 && !$0.podName.isEmpty }.map {
            AgentPod(namespace: attachment.spec.namespace, name: $0.podName, port: $0.linkPort)
        }
    }
}
