package import Message

/// What an attachment takes of its workload's traffic, for telling whether two can be there at once.
package struct TrafficClaim: Sendable, Hashable {
    /// A port of a container.
    package struct Port: Sendable, Hashable {
        package let container: String
        package let number: UInt16
        package let transport: PortProtocol

        package init(container: String, number: UInt16, transport: PortProtocol) {
            self.container = container
            self.number = number
            // Not said is TCP, as everywhere.
            self.transport = transport == .udp ? .udp : .tcp
        }
    }

    package let kind: AttachmentKind
    /// The container that a replacement takes the place of; empty for the others.
    package let container: String
    package let ports: [Port]
    package let filter: TrafficFilter

    package init(kind: AttachmentKind, container: String = "", ports: [Port] = [], filter: TrafficFilter = .init()) {
        self.kind = kind
        self.container = kind == .replace && container.isEmpty ? ports.first?.container ?? "" : container
        self.ports = ports
        self.filter = filter
    }

    /// Where a claim and another one of the same workload get into each other's way.
    package enum Clash: Sendable, Hashable {
        /// Both want the same requests to this port.
        case port(Port)
        /// One of them takes this container out.
        case container(String)
    }

    /// Where this and `other`, of the same workload, get into each other's way; nil when they do not.
    ///
    /// Symmetric. An ingest takes no traffic and a wiretap a copy, so neither is ever in the way. A replacement takes its
    /// container out, with all that others have of it. Intercepts meet at a port when their filters do.
    package func clash(with other: TrafficClaim) -> Clash? {
        guard takes, other.takes else { return nil }
        for (one, two) in [(self, other), (other, self)] where one.kind == .replace {
            let shares = two.kind == .replace && two.container == one.container
            if shares || two.ports.contains(where: { $0.container == one.container }) {
                return .container(one.container)
            }
        }
        guard kind == .replace || other.kind == .replace || filter.overlaps(other.filter) else { return nil }
        let shared = ports.first { port in
            other.ports.contains { $0.number == port.number && $0.transport == port.transport }
        }
        return shared.map { .port($0) }
    }

    /// It takes traffic away from the app.
    private var takes: Bool { kind == .intercept || kind == .replace }
}

extension TrafficClaim {
    /// What `attachment` takes.
    package init(_ attachment: Attachment) {
        self.init(
            kind: attachment.spec.kind,
            container: attachment.spec.kind == .replace ? attachment.spec.container : "",
            ports: attachment.ports.map {
                Port(container: $0.container, number: $0.containerPort, transport: $0.protocol)
            },
            filter: TrafficFilter(attachment.spec)
        )
    }
}
