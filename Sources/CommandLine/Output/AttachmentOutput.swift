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

    /// Which requests it is for.
    struct Filter: Encodable, Equatable {
        /// Those with all of these headers, by name in lower case.
        var headers: [String: String]?
        /// And one of these of the path.
        var pathEqual: String?
        var pathPrefix: String?
        var pathRegex: String?
        /// The same for people.
        var words: String?

        private enum CodingKeys: String, CodingKey {
            case headers, pathEqual, pathPrefix, pathRegex
        }
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

    /// Which requests it is for; nil when it is for all.
    var httpFilter: Filter?
    /// A command that sends such a request, for a shell.
    var example: String?
    /// Requests come in plain text also where callers use TLS.
    var plaintext: Bool?
    /// What its owner has noted.
    var metadata: [String: String]?

    /// Where the volumes are; nil when they are not mounted.
    var mountPoint: String?
    /// Why they are not, though they should be.
    var mountError: String?
    /// The container's paths below the mount point.
    var mounts: [String]?

    /// The local ports that lead to the pod, as they were asked for; nil where nobody knows.
    var toPod: [String]?

    package init(_ attachment: Attachment, way: AttachmentWay? = nil, toPod: [PortSpec] = []) {
        id = attachment.id
        self.toPod = toPod.isEmpty ? nil : toPod.map(PodPortArgument.text)
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
        if attachment.spec.hasFilter {
            httpFilter = Filter(attachment.spec)
            example = RequestExample(attachment)?.text
        }
        if attachment.spec.plaintext { plaintext = true }
        if !attachment.spec.metadata.isEmpty { metadata = attachment.spec.metadata }
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
        if let filterWords = httpFilter?.words { lines.append(Self.line("Only", filterWords)) }
        if plaintext == true { lines.append(Self.line("TLS", "requests come here in plain text")) }
        if let example { lines.append(Self.line("Try", example)) }
        if let notes { lines.append(Self.line("Metadata", notes)) }
        for port in toPod ?? [] { lines.append(Self.line("To pod", "127.0.0.1:\(port.replacing("/", with: " "))")) }
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

    /// What is in `metadata`, by name.
    private var notes: String? {
        metadata.map { $0.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ") }
    }

    /// Filter and metadata at the end of a line about more than that; empty where there are none.
    var remarks: String {
        (httpFilter?.words.map { ", only \($0)" } ?? "") + (notes.map { ", metadata \($0)" } ?? "")
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

extension AttachmentOutput.Filter {
    fileprivate init(_ spec: AttachmentSpec) {
        headers = spec.headers.isEmpty ? nil : spec.headers
        switch spec.pathMatch {
        case .unknown: break
        case .equal: pathEqual = spec.path
        case .prefix: pathPrefix = spec.path
        case .regex: pathRegex = spec.path
        }
        words = spec.filterWords
    }
}
