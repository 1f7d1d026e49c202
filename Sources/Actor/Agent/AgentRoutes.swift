package import Message

/// Which of the pod's ports go to the workstation at present.
///
/// Pure.
///
/// An attachment's ports are in one of three states:
///
///     app ──change: active──► workstation ──unanswered──► suspect ──probe answered──► workstation
///      ▲                           │                         │
///      └───change: not active, removed, manager lost─────────┘
///
/// A suspect's traffic goes to the app without waiting; a probe finds out when the workstation is back.
package struct AgentRoutes {
    /// A port of the app.
    package struct Port: Hashable, Sendable {
        package let number: UInt16
        package let transport: PortProtocol

        package init(number: UInt16, transport: PortProtocol) {
            self.number = number
            self.transport = transport
        }

        /// The port of an attachment; what is not said to be UDP is TCP.
        package init(_ resolved: ResolvedPort) {
            self.init(number: resolved.containerPort, transport: resolved.protocol == .udp ? .udp : .tcp)
        }

        /// The port that an agent says it stands in front of.
        package init(_ port: AgentPort) {
            self.init(number: port.containerPort, transport: port.protocol == .udp ? .udp : .tcp)
        }
    }

    /// Where the workstation wants a port's traffic.
    package struct Target: Hashable, Sendable {
        package let attachmentID: String
        package let sessionID: String
        package let address: String
        package let port: UInt16
    }

    /// Where a new connection goes.
    package enum Route: Hashable, Sendable {
        case app
        case workstation(Target)
    }

    private struct Held {
        let session: String
        var targets: [Port: Target]
        var suspect = false
    }

    private let known: Set<Port>
    private var held: [String: Held] = [:]
    /// The attachments at present: whose they are, and whether their workstation answers.
    package var attachments: [(id: String, session: String, answers: Bool)] {
        held.map { ($0.key, $0.value.session, !$0.value.suspect) }.sorted { $0.0 < $1.0 }
    }

    /// Who gets a copy of what comes to a port, the oldest first.
    private var listeners: [Port: [Target]] = [:]

    /// The attachment that has a port; the first that came keeps it.
    private var owners: [Port: String] = [:]

    /// - Parameter ports: the app's ports that the agent stands in front of.
    package init(ports: some Sequence<Port>) {
        known = Set(ports)
    }

    /// The sessions that have an attachment here.
    package var sessions: Set<String> { Set(held.values.map(\.session)) }

    /// Whether any attachment has ports here.
    package var isHolding: Bool { held.values.contains { !$0.targets.isEmpty } }

    /// Where a new connection to `port` goes.
    package func route(_ port: Port) -> Route {
        guard let id = owners[port], let attachment = held[id], !attachment.suspect,
            let target = attachment.targets[port]
        else { return .app }
        return .workstation(target)
    }

    /// Who gets a copy of a new connection to `port`, wherever that goes.
    package func taps(_ port: Port) -> [Target] { listeners[port] ?? [] }

    /// What a change leads to.
    package enum OnChange: Equatable {
        /// The ports are switched: tell the manager that the next request reaches the workstation.
        case report(AgentReport)
        /// Nothing is to be said.
        case none
    }

    /// The manager tells of an attachment.
    package mutating func apply(_ change: AttachmentChange) -> OnChange {
        let attachment = change.attachment
        release(attachment.id)
        // Waiting is what an attachment is told to become when its workstation is away.
        guard !change.removed, attachment.state == .active || attachment.state == .unknown || isNew(attachment) else {
            return .none
        }
        let isTap = attachment.spec.kind == .wiretap
        var targets: [Port: Target] = [:]
        for resolved in attachment.ports {
            let port = Port(resolved)
            guard known.contains(port) else {
                let text = "the agent does not stand in front of port \(port.number)/\(port.transport)"
                return .report(AgentReport(attachmentID: attachment.id, state: .error, message: text))
            }
            if !isTap, let owner = owners[port], owner != attachment.id {
                let text = "port \(port.number)/\(port.transport) is held by attachment \(owner)"
                return .report(AgentReport(attachmentID: attachment.id, state: .error, message: text))
            }
            targets[port] = Target(
                attachmentID: attachment.id,
                sessionID: attachment.sessionID,
                address: resolved.localAddress.isEmpty ? "127.0.0.1" : resolved.localAddress,
                port: resolved.localPort
            )
        }
        for (port, target) in targets {
            if isTap { listeners[port, default: []].append(target) } else { owners[port] = attachment.id }
        }
        held[attachment.id] = Held(session: attachment.sessionID, targets: targets)
        seen.insert(attachment.id)
        return .report(AgentReport(attachmentID: attachment.id, state: .active, message: ""))
    }

    /// The attachments that have been active here once: for these, `waiting` means that the workstation is away.
    private var seen: Set<String> = []

    private func isNew(_ attachment: Attachment) -> Bool {
        attachment.state == .waiting && !seen.contains(attachment.id)
    }

    private mutating func release(_ id: String) {
        for port in (held.removeValue(forKey: id)?.targets ?? [:]).keys {
            if owners[port] == id { owners[port] = nil }
            listeners[port]?.removeAll { $0.attachmentID == id }
            if listeners[port]?.isEmpty == true { listeners[port] = nil }
        }
    }

    /// The workstation did not answer in time.
    ///
    /// True where a probe is to be started now.
    package mutating func unanswered(_ attachmentID: String) -> Bool {
        guard held[attachmentID]?.suspect == false else { return false }
        held[attachmentID]?.suspect = true
        return true
    }

    /// A probe has ended.
    ///
    /// True where another is to follow.
    package mutating func probed(_ attachmentID: String, answered: Bool) -> Bool {
        guard held[attachmentID]?.suspect == true else { return false }
        if answered { held[attachmentID]?.suspect = false }
        return !answered
    }

    /// A target of the attachment, for probing.
    package func target(of attachmentID: String) -> Target? {
        held[attachmentID]?.targets.values.min { $0.port < $1.port }
    }

    /// The link to the manager is gone: everything goes to the app.
    package mutating func managerLost() {
        held = [:]
        owners = [:]
        listeners = [:]
        seen = []
    }
}
