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
///
/// A port belongs to one attachment without a filter, or to any number of them with filters, of which each request is asked
/// for by the ``candidates(_:)``.
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
        /// TLS that is ended on the port is not opened anew on the way there.
        package let isPlaintext: Bool

        package init(
            attachmentID: String,
            sessionID: String,
            address: String,
            port: UInt16,
            isPlaintext: Bool = false
        ) {
            self.attachmentID = attachmentID
            self.sessionID = sessionID
            self.address = address
            self.port = port
            self.isPlaintext = isPlaintext
        }
    }

    /// Where a new connection goes.
    package enum Route: Hashable, Sendable {
        case app
        case workstation(Target)
        /// There are filters: it is for each request to say, by ``AgentRoutes/candidates(_:)``.
        case filtered
    }

    /// A workstation that wants some requests of a port.
    package struct Candidate: Sendable {
        package let target: Target
        package let matcher: RequestMatcher
    }

    private struct Held {
        let session: String
        var targets: [Port: Target]
        /// Nil where every request is wanted.
        var matcher: RequestMatcher?
        var order: UInt64
        var suspect = false

        /// Whether it is asked before another attachment of the same port.
        func precedes(_ other: Held, id: String, otherID: String) -> Bool {
            if let matcher, let others = other.matcher {
                if matcher.precedes(others) { return true }
                if others.precedes(matcher) { return false }
            }
            return (order, id) < (other.order, otherID)
        }
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
    /// The attachments that have some of a port's requests, in the order in which they are asked.
    private var sharers: [Port: [String]] = [:]
    /// Another number whenever anything may be routed otherwise than before.
    package private(set) var generation: UInt64 = 0

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
        if sharers[port] != nil { return .filtered }
        guard let id = owners[port], let attachment = held[id], !attachment.suspect,
            let target = attachment.targets[port]
        else { return .app }
        return .workstation(target)
    }

    /// Who gets a copy of a new connection to `port`, wherever that goes.
    package func taps(_ port: Port) -> [Target] { listeners[port] ?? [] }

    /// Who is to be asked for a request to `port`: the first that it satisfies gets it, and without one the app.
    ///
    /// More headers come first, so that filters by path alone come last; of equals the older one. Attachments whose
    /// workstation does not answer are left out, and so are those without a filter. Valid for one ``generation``.
    package func candidates(_ port: Port) -> [Candidate] {
        (sharers[port] ?? []).compactMap { id in
            guard let attachment = held[id], !attachment.suspect, let matcher = attachment.matcher,
                let target = attachment.targets[port]
            else { return nil }
            return Candidate(target: target, matcher: matcher)
        }
    }

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
        func refuse(_ text: String) -> OnChange {
            .report(AgentReport(attachmentID: attachment.id, state: .error, message: text))
        }
        let filter = TrafficFilter(attachment.spec)
        let matcher: RequestMatcher?
        do throws(FilterProblem) {
            matcher = filter.isGlobal ? nil : try RequestMatcher(filter)
        } catch {
            return refuse(error.message)
        }
        guard !isTap || matcher == nil else { return refuse("a wiretap copies all of a port: it takes no filter") }
        var targets: [Port: Target] = [:]
        for resolved in attachment.ports {
            let port = Port(resolved)
            guard known.contains(port) else {
                return refuse("the agent does not stand in front of port \(port.number)/\(port.transport)")
            }
            guard matcher == nil || port.transport == .tcp else {
                return refuse("port \(port.number)/\(port.transport) carries no HTTP requests to filter")
            }
            if !isTap, let holder = owners[port] ?? (matcher == nil ? sharers[port]?.first : nil) {
                return refuse("port \(port.number)/\(port.transport) is held by attachment \(holder)")
            }
            targets[port] = Target(
                attachmentID: attachment.id,
                sessionID: attachment.sessionID,
                address: resolved.localAddress.isEmpty ? "127.0.0.1" : resolved.localAddress,
                port: resolved.localPort,
                isPlaintext: attachment.spec.plaintext
            )
        }
        let entry = Held(
            session: attachment.sessionID,
            targets: targets,
            matcher: matcher,
            order: attachment.order
        )
        hold(attachment.id, entry, isTap: isTap)
        return .report(AgentReport(attachmentID: attachment.id, state: .active, message: ""))
    }

    private mutating func hold(_ id: String, _ attachment: Held, isTap: Bool) {
        generation &+= 1
        held[id] = attachment
        seen.insert(id)
        for (port, target) in attachment.targets {
            if isTap {
                listeners[port, default: []].append(target)
                continue
            }
            guard attachment.matcher != nil else {
                owners[port] = id
                continue
            }
            var line = sharers[port] ?? []
            let place = line.firstIndex { other in
                held[other].map { attachment.precedes($0, id: id, otherID: other) } ?? false
            }
            line.insert(id, at: place ?? line.endIndex)
            sharers[port] = line
        }
    }

    /// The attachments that have been active here once: for these, `waiting` means that the workstation is away.
    private var seen: Set<String> = []

    private func isNew(_ attachment: Attachment) -> Bool {
        attachment.state == .waiting && !seen.contains(attachment.id)
    }

    private mutating func release(_ id: String) {
        guard let attachment = held.removeValue(forKey: id) else { return }
        generation &+= 1
        for port in attachment.targets.keys {
            if owners[port] == id { owners[port] = nil }
            listeners[port]?.removeAll { $0.attachmentID == id }
            if listeners[port]?.isEmpty == true { listeners[port] = nil }
            let rest = (sharers[port] ?? []).filter { $0 != id }
            sharers[port] = rest.isEmpty ? nil : rest
        }
    }

    /// The workstation did not answer in time.
    ///
    /// True where a probe is to be started now.
    package mutating func unanswered(_ attachmentID: String) -> Bool {
        guard held[attachmentID]?.suspect == false else { return false }
        held[attachmentID]?.suspect = true
        generation &+= 1
        return true
    }

    /// A probe has ended.
    ///
    /// True where another is to follow.
    package mutating func probed(_ attachmentID: String, answered: Bool) -> Bool {
        guard held[attachmentID]?.suspect == true else { return false }
        if answered {
            held[attachmentID]?.suspect = false
            generation &+= 1
        }
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
        sharers = [:]
        generation &+= 1
        seen = []
    }
}
