package import Message

/// A workload as `list` prints it.
package struct WorkloadOutput: Encodable, Equatable {
    var kind: String
    var name: String
    var namespace: String
    var agentState: String
    var notInterceptable: String?
    var replicas: UInt32
    var ready: UInt32
    var attachments: [AttachmentOutput]

    package init(_ workload: Workload) {
        kind = workload.kind
        name = workload.name
        namespace = workload.namespace
        agentState = workload.agentState
        notInterceptable = workload.notInterceptable.isEmpty ? nil : workload.notInterceptable
        replicas = workload.replicas
        ready = workload.ready
        attachments = workload.attachments.map { AttachmentOutput($0) }
    }

    /// Kind and name.
    var title: String { "\(kind.lowercased()) \(name)" }

    /// All on one line.
    var line: String { "\(title): \(text)" }

    package var text: String {
        if let notInterceptable { return "not interceptable: \(notInterceptable)" }
        if !attachments.isEmpty {
            return attachments.map { attachment in
                let volumes = attachment.mountPoint == nil ? "volumes not mounted" : "volumes"
                let ports = attachment.ports.map { port in
                    "\(port.servicePort == 0 ? port.containerPort : port.servicePort) -> "
                        + "\(port.localAddress):\(port.localPort)"
                }
                let what = ports.isEmpty ? attachment.container : ports.joined(separator: ", ")
                let owner = attachment.owner.isEmpty ? "" : " by \(attachment.owner)"
                return "\(attachment.past)\(owner) as \(attachment.name) (\(attachment.state)) \(what)"
                    + attachment.remarks
                    + (attachment.mountPoint.map { ", volumes at \($0)" } ?? "")
                    + (attachment.mountError.map { ", \(volumes): \($0)" } ?? "")
                    + (attachment.dropped ?? 0 > 0 ? ", copied \(attachment.tally ?? "")" : "")
            }.joined(separator: "; ")
        }
        let agent = agentState == "none" ? "not yet installed" : "already installed"
        return "ready to attach (traffic-agent \(agent))"
    }
}
