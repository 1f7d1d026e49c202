import Foundation
package import Message

/// An attachment as it is printed.
///
/// The environment is left out: it carries secrets; `--env-file` gives it.
package struct AttachmentOutput: Encodable, Equatable {
    struct Port: Encodable, Equatable {
        var container: String
        var containerPort: UInt16
        var `protocol`: String
        var service: String
        var servicePort: UInt16
        var servicePortName: String
        var localAddress: String
        var localPort: UInt16
    }

    var id: String
    var name: String
    var kind: String
    var workload: String
    var workloadKind: String
    var namespace: String
    var state: String
    var message: String
    var owner: String
    /// The container whose environment is taken.
    var container: String
    var podName: String
    var podIp: String
    var ports: [Port]
    /// Of a wiretap: connections and flows that were copied, and how many of the copies lack something.
    var copied: UInt64?
    var dropped: UInt64?
    /// `direct`, `manager` or `mixed`; nil where nobody has asked.
    var traffic: String?
    /// Why it is not direct everywhere.
    var trafficReason: String?

    /// Where the volumes are; nil when they are not mounted.
    var mountPoint: String?
    /// Why they are not, though they should be.
    var mountError: String?
    /// The container's paths below the mount point.
    var mounts: [String]?

    package init(_ attachment: Attachment, way: AttachmentWay? = nil) {
        id = attachment.id
        traffic = way?.way
        trafficReason = way.flatMap { $0.reason.isEmpty ? nil : $0.reason }
        name = attachment.spec.name
        kind = "\(attachment.spec.kind)"
        workload = attachment.spec.workload
        workloadKind = attachment.workloadKind
        namespace = attachment.spec.namespace
        state = Self.state(attachment.state)
        message = attachment.message
        owner = attachment.owner
        container = attachment.container
        podName = attachment.podName
        podIp = attachment.podIP
        if attachment.spec.kind == .wiretap { (copied, dropped) = (attachment.copied, attachment.dropped) }
        if !attachment.mountPoint.isEmpty { (mountPoint, mounts) = (attachment.mountPoint, attachment.mounts) }
        if !attachment.mountError.isEmpty { mountError = attachment.mountError }
        ports = attachment.ports.map {
            Port(
                container: $0.container,
                containerPort: $0.containerPort,
                protocol: $0.protocol == .udp ? "UDP" : "TCP",
                service: $0.serviceName,
                servicePort: $0.servicePort,
                servicePortName: $0.servicePortName,
                localAddress: $0.localAddress,
                localPort: $0.localPort
            )
        }
    }

    package var text: String {
        var lines = [
            "Using \(workloadKind.isEmpty ? "workload" : workloadKind) \(workload) in namespace \(namespace)",
            Self.line("\(kind.prefix(1).uppercased() + kind.dropFirst()) name", name),
            Self.line("State", "\(state)\(message.isEmpty ? "" : ": \(message)")"),
        ]
        if ports.isEmpty, !container.isEmpty { lines.append(Self.line("Container", container)) }
        for port in ports {
            let service = port.service.isEmpty ? "" : "service \(port.service) port \(port.servicePort), "
            let way =
                "\(service)container port \(port.containerPort)/\(port.protocol)"
                + " -> \(port.localAddress):\(port.localPort)"
            lines.append(Self.line(verb, way))
        }
        if let mountPoint { lines.append(Self.line("Volume Mount Point", mountPoint)) }
        if let mountError { lines.append(Self.line("Volume Mount Error", mountError)) }
        if let tally { lines.append(Self.line("Copied", tally)) }
        if let traffic {
            let way = ["manager": "through the manager", "mixed": "partly direct"][traffic] ?? traffic
            lines.append(Self.line("Traffic", "\(way)\(trafficReason.map { " (\($0))" } ?? "")"))
        }
        return lines.joined(separator: "\n")
    }

    /// What has become of a wiretap's copies; nil for everything else.
    var tally: String? {
        guard let copied, let dropped else { return nil }
        let count = "\(copied) connection\(copied == 1 ? "" : "s")"
        return dropped == 0 ? count : "\(count); left out as the workstation did not keep up: \(dropped)"
    }

    /// What is done to the traffic of a port.
    private var verb: String {
        ["replace": "Replacing", "wiretap": "Tapping"][kind] ?? "Intercepting"
    }

    private static func line(_ name: String, _ value: String) -> String {
        "   \(name.padding(toLength: max(14, name.count), withPad: " ", startingAt: 0)): \(value)"
    }

    /// What has been done to the workload.
    var past: String {
        ["intercept": "intercepted", "ingest": "ingested", "replace": "replaced", "wiretap": "wiretapped"][kind]
            ?? "attached to"
    }

    static func state(_ state: AttachmentState) -> String {
        switch state {
        case .active: "ACTIVE"
        case .waiting: "WAITING"
        case .error: "ERROR"
        case .noAgent: "NO_AGENT"
        case .unknown: "UNKNOWN"
        }
    }
}
