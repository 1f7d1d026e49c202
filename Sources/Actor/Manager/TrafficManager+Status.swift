package import Message

/// What the manager tells of its sessions, and how it reaches an agent.
extension TrafficManager {
    /// How long an agent has to dial back.
    private static let dialBackPatience = Duration.seconds(10)

    /// The sessions and attachments: all, or those of one session and of the agents that serve it.
    package func statusRows(for viewer: String?) -> (sessions: [SessionStatus], attachments: [AttachmentStatus]) {
        let held = (viewer.map { machine.held(by: $0) } ?? machine.attachments).sorted { $0.id < $1.id }
        let workloads = Set(held.compactMap { machine.workload(of: $0.id) })
        // Who holds nothing has no agents either: no need to look at everybody.
        let own = viewer.flatMap { registry[$0] }.map { [$0] } ?? []
        let everyone = viewer == nil || !held.isEmpty ? registry.all : own
        let sessions = everyone.filter { session in
            guard let viewer, session.id != viewer else { return true }
            guard let agent = session.hello.agent else { return false }
            return workloads.contains(
                WorkloadKey(kind: agent.workloadKind, name: agent.workloadName, namespace: agent.namespace)
            )
        }
        let rows = sessions.sorted { $0.id < $1.id }.map { session in
            SessionStatus(
                id: session.id,
                kind: session.hello.kind,
                owner: session.owner,
                namespace: session.hello.client?.namespace ?? session.hello.agent?.namespace ?? "",
                workload: session.hello.agent.map { "\($0.workloadKind)/\($0.workloadName)" } ?? "",
                version: session.hello.version,
                linked: session.isLinked,
                reachable: isReachable(session.id)
            )
        }
        return (rows, held.map(Self.row))
    }

    private static func row(_ attachment: Attachment) -> AttachmentStatus {
        AttachmentStatus(
            id: attachment.id,
            sessionID: attachment.sessionID,
            name: attachment.spec.name,
            kind: attachment.spec.kind,
            namespace: attachment.spec.namespace,
            workload: attachment.spec.workload,
            state: attachment.state,
            message: attachment.message,
            filter: attachment.spec.filterWords ?? ""
        )
    }

    /// Whether a session may act on what is others', as the judge says.
    package func mayAdminister(_ session: String) async throws(ManagerFailure) {
        guard let principal = registry[session]?.principal else {
            throw ManagerFailure(.unauthenticated, "no such session")
        }
        try await judge.mayAdminister(principal)
    }

    /// What `session/ID` is; nil when there is no such session.
    package func kind(of session: String) -> ParticipantKind? { registry[session]?.hello.kind }

    /// The namespace of a workstation's connection.
    package func namespace(of session: String) -> String { registry[session]?.hello.client?.namespace ?? "" }

    /// Whether an attachment of `session` is served by the agent `agent`.
    package func serves(_ agent: String, _ session: String) -> Bool {
        guard let hello = registry[agent]?.hello.agent else { return false }
        let key = WorkloadKey(kind: hello.workloadKind, name: hello.workloadName, namespace: hello.namespace)
        return machine.held(by: session).contains { machine.workload(of: $0.id) == key }
    }

    /// Asks an agent for a reverse link, and waits until it is there; false when it does not come.
    package func dialBack(_ agent: String, for reason: String) async -> Bool {
        if isReachable(agent) { return true }
        send(.dialBack(DialBack(reason: reason)), to: agent)
        return await waiting(on: agent, patience: Self.dialBackPatience) { $0.isReachable(agent) ? true : nil } ?? false
    }

    /// Tells all agents to change what they log; returns how many there are.
    package func spread(_ request: LogLevelRequest) -> UInt32 {
        var told = request
        told.target = ""
        let agents = registry.all.filter { $0.hello.kind == .agent && $0.isLinked }
        for agent in agents { send(.logLevel(told), to: agent.id) }
        return UInt32(clamping: agents.count)
    }
}
