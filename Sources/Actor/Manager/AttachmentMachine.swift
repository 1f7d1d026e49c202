package import Message

/// All attachments and what the agents say of them.
///
/// Pure: inputs return whom to tell what.
///
///     add ──► waiting ──an agent confirms──► active ──last agent lost──► noAgent ──agent joins──► waiting
///                │ ▲                            │
///                │ └──holder is back── (away) ◄─┴──holder's link lost
///                └──all agents refuse──► error
package struct AttachmentMachine: Sendable {
    /// A message for one session.
    package struct Notice: Sendable, Equatable {
        package let session: String
        package let change: AttachmentChange

        package init(_ session: String, _ change: AttachmentChange) {
            self.session = session
            self.change = change
        }
    }

    /// What an agent has said of an attachment.
    private enum Answer: Sendable, Equatable {
        case pending
        case active
        case refused(String)
    }

    private struct Entry: Sendable {
        var attachment: Attachment
        let workload: WorkloadKey
        /// Agents are told of it: its making has come that far.
        var engaged = false
        /// The holder's link is lost: agents send traffic to the app.
        var away = false
        /// The holder is told of changes: the request for it has been answered.
        var announced = false
        var answers: [String: Answer] = [:]

        func hasActive(besides session: String) -> Bool {
            answers.contains { $0.key != session && $0.value == .active }
        }
    }

    private struct Agent: Sendable {
        let workload: WorkloadKey
        let hello: AgentHello
    }

    private var entries: [String: Entry] = [:]
    private var agents: [String: Agent] = [:]

    package init() {}

    // MARK: questions

    package var attachments: [Attachment] { entries.values.map(\.attachment) }

    package subscript(id: String) -> Attachment? { entries[id]?.attachment }

    /// The attachments that a session holds.
    package func held(by session: String) -> [Attachment] {
        entries.values.map(\.attachment).filter { $0.sessionID == session }
    }

    /// The workload of an attachment.
    package func workload(of id: String) -> WorkloadKey? { entries[id]?.workload }

    /// The names of the pods whose agents are there.
    package func pods(of workload: WorkloadKey) -> Set<String> {
        Set(agents.values.filter { $0.workload == workload }.map(\.hello.podName))
    }

    /// Every agent that was told has answered.
    package func isSettled(_ id: String) -> Bool {
        guard let entry = entries[id], entry.engaged, !entry.answers.isEmpty else { return false }
        return !entry.answers.values.contains(.pending)
    }

    /// Which agents may send connections of which attachment to which session.
    package var permissions: [String: RelayPermissions.Row] {
        entries.filter { $0.value.engaged && !$0.value.away }.mapValues { entry in
            RelayPermissions.Row(session: entry.attachment.sessionID, agents: Set(entry.answers.keys))
        }
    }

    // MARK: attachments

    /// Adds an attachment that waits.
    ///
    /// An intercept of a port that another one has is refused, naming who holds it; but one whose holder is away and is the
    /// same person makes way.
    package mutating func add(_ attachment: Attachment, workload: WorkloadKey) throws(ManagerFailure) -> [Notice] {
        for held in held(by: attachment.sessionID)
        where held.spec.name == attachment.spec.name && held.spec.namespace == attachment.spec.namespace {
            throw ManagerFailure(.conflict, "an attachment called \(attachment.spec.name) is there already")
        }
        var notices: [Notice] = []
        for entry in entries.values where entry.workload == workload {
            let other = entry.attachment
            guard other.spec.kind == .intercept, attachment.spec.kind == .intercept else { continue }
            let shared = attachment.ports.first { port in
                other.ports.contains { $0.containerPort == port.containerPort && $0.protocol == port.protocol }
            }
            guard let shared else { continue }
            guard entry.away, other.owner == attachment.owner else {
                throw ManagerFailure(
                    .conflict,
                    "port \(shared.containerPort) of \(workload) is already intercepted by \(other.owner)"
                        + " as \(other.spec.name)"
                )
            }
            notices += remove(other.id)
        }
        var attachment = attachment
        attachment.state = .waiting
        entries[attachment.id] = Entry(attachment: attachment, workload: workload)
        return notices
    }

    /// Tells the agents of the workload; they answer.
    package mutating func engage(_ id: String) -> [Notice] {
        guard var entry = entries[id] else { return [] }
        entry.engaged = true
        entries[id] = entry
        return tellAgents(id)
    }

    /// From now on the holder is told of every change.
    package mutating func announce(_ id: String) {
        entries[id]?.announced = true
    }

    /// Ends an attachment: its agents and, once it was announced, its holder are told.
    package mutating func remove(_ id: String, reason: String = "") -> [Notice] {
        guard let entry = entries.removeValue(forKey: id) else { return [] }
        var attachment = entry.attachment
        attachment.message = reason
        let change = AttachmentChange(attachment: attachment, removed: true)
        var notices = entry.away ? [] : entry.answers.keys.sorted().map { Notice($0, change.forAgent) }
        if entry.announced { notices.append(Notice(attachment.sessionID, change)) }
        return notices
    }

    // MARK: holders

    /// A holder's link is lost: its agents turn to the app at once.
    package mutating func holderLost(_ session: String) -> [Notice] {
        var notices: [Notice] = []
        for id in ids(of: session) {
            guard var entry = entries[id], !entry.away else { continue }
            entry.away = true
            let change = AttachmentChange(attachment: entry.attachment, removed: true).forAgent
            notices += entry.answers.keys.sorted().map { Notice($0, change) }
            entry.answers = [:]
            entry.attachment.state = .waiting
            entry.attachment.message = "the workstation is away"
            entries[id] = entry
        }
        return notices
    }

    /// A holder is back: its agents turn to it again.
    package mutating func holderBack(_ session: String) -> [Notice] {
        var notices: [Notice] = []
        for id in ids(of: session) {
            guard var entry = entries[id], entry.away else { continue }
            entry.away = false
            entries[id] = entry
            if entry.engaged { notices += tellAgents(id) }
        }
        return notices
    }

    // MARK: agents

    /// An agent is there: it is told of what concerns it.
    package mutating func agentJoined(_ session: String, _ hello: AgentHello) -> [Notice] {
        // A resumed agent has answered nothing on its new link.
        var notices = agents[session] == nil ? [] : agentLost(session)
        let key = WorkloadKey(kind: hello.workloadKind, name: hello.workloadName, namespace: hello.namespace)
        agents[session] = Agent(workload: key, hello: hello)
        for id in entries.keys.sorted() {
            guard let entry = entries[id], entry.workload == key, entry.engaged, !entry.away else { continue }
            notices += tellAgents(id)
        }
        return notices
    }

    /// An agent is gone.
    package mutating func agentLost(_ session: String) -> [Notice] {
        guard agents.removeValue(forKey: session) != nil else { return [] }
        var notices: [Notice] = []
        for id in entries.keys.sorted() {
            guard entries[id]?.answers.removeValue(forKey: session) != nil else { continue }
            notices += review(id)
        }
        return notices
    }

    /// An agent's word.
    ///
    /// Ignored when it was not asked.
    package mutating func agentReported(_ session: String, _ report: AgentReport) -> [Notice] {
        guard var entry = entries[report.attachmentID], entry.answers[session] != nil else { return [] }
        entry.answers[session] = report.state == .active ? .active : .refused(report.message)
        if report.state == .active, let agent = agents[session], !entry.hasActive(besides: session) {
            entry.attachment.podName = agent.hello.podName
            entry.attachment.podIP = agent.hello.podIP
            let wanted =
                entry.attachment.spec.container.isEmpty
                ? entry.attachment.ports.first?.container : entry.attachment.spec.container
            let container = agent.hello.containers.first { $0.name == wanted } ?? agent.hello.containers.first
            entry.attachment.environment = container?.environment ?? [:]
        }
        entries[report.attachmentID] = entry
        return review(report.attachmentID)
    }

    // MARK: parts

    private func ids(of session: String) -> [String] {
        entries.values.filter { $0.attachment.sessionID == session }.map(\.attachment.id).sorted()
    }

    /// Tells the agents that have not been told yet.
    private mutating func tellAgents(_ id: String) -> [Notice] {
        guard var entry = entries[id] else { return [] }
        var notices: [Notice] = []
        for (session, agent) in agents.sorted(by: { $0.key < $1.key }) where agent.workload == entry.workload {
            guard entry.answers[session] == nil else { continue }
            entry.answers[session] = .pending
            notices.append(Notice(session, AttachmentChange(attachment: entry.attachment).forAgent))
        }
        entries[id] = entry
        return notices + review(id)
    }

    /// Works the state out anew, and tells the holder if it is another.
    private mutating func review(_ id: String) -> [Notice] {
        guard var entry = entries[id], entry.engaged, !entry.away else { return [] }
        let before = entry.attachment
        let answers = entry.answers.values
        if answers.contains(.active) {
            entry.attachment.state = .active
            entry.attachment.message = ""
        } else if answers.isEmpty {
            entry.attachment.state = .noAgent
            entry.attachment.message = "there is no agent in \(entry.workload)"
        } else if answers.contains(.pending) {
            entry.attachment.state = .waiting
            entry.attachment.message = "waiting for the agent"
        } else {
            entry.attachment.state = .error
            let reasons = answers.compactMap { if case .refused(let reason) = $0 { reason } else { nil } }
            entry.attachment.message = Set(reasons).sorted().joined(separator: "; ")
        }
        entries[id] = entry
        guard entry.announced, entry.attachment != before else { return [] }
        return [Notice(entry.attachment.sessionID, AttachmentChange(attachment: entry.attachment))]
    }
}

extension AttachmentChange {
    /// As an agent is told it: what it need not know is left out, and the state is what the agent is to make of it.
    fileprivate var forAgent: AttachmentChange {
        var change = self
        change.attachment.environment = [:]
        change.attachment.state = .active
        change.attachment.message = ""
        return change
    }
}
