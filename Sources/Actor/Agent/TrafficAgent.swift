package import Logging
package import Message

/// The traffic agent: knows which of the pod's ports go to which workstation, and watches that they answer.
///
/// Concurrency model: the actor runs on the executor it is given, which is that of the event loop of all its sockets; so
/// the forwarders ask it with `assumeIsolated`, without a hop.
package actor TrafficAgent {
    private let executor: any SerialExecutor
    private let prober: any WorkstationProber
    private let logger: Logger
    private var routes: AgentRoutes {
        didSet {
            guard routes.generation != toldGeneration else { return }
            toldGeneration = routes.generation
            for watcher in watchers { watcher() }
        }
    }
    private var toldGeneration: UInt64 = 0
    private var watchers: [@Sendable () -> Void] = []
    /// What keeps requests to a port from being looked at.
    private var obstacles: [AgentRoutes.Port: @Sendable () -> String?] = [:]
    /// The session of each attachment that the manager has told of, with ports here or without.
    private var holders: [String: String] = [:]

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    package init(
        ports: [AgentRoutes.Port],
        prober: any WorkstationProber,
        executor: any SerialExecutor,
        logger: Logger
    ) {
        routes = AgentRoutes(ports: ports)
        self.prober = prober
        self.executor = executor
        self.logger = logger
    }

    /// Where a new connection to an app's port goes.
    package func route(_ port: AgentRoutes.Port) -> AgentRoutes.Route {
        routes.route(port)
    }

    /// Who gets a copy of a new connection to an app's port.
    package func taps(_ port: AgentRoutes.Port) -> [AgentRoutes.Target] {
        routes.taps(port)
    }

    /// The attachments here, by id.
    package var attachments: Set<String> { Set(routes.attachments.map(\.id)) }

    /// The session that has an attachment here; nil when there is no such attachment.
    package func holder(of attachmentID: String) -> String? { holders[attachmentID] }

    /// Who is to be asked for a request to a port, the first one first.
    ///
    /// Valid for as long as the ``generation`` is the same.
    package func candidates(_ port: AgentRoutes.Port) -> [AgentRoutes.Candidate] {
        routes.candidates(port)
    }

    /// Another number whenever anything may be routed otherwise than before.
    package var generation: UInt64 { routes.generation }

    /// Calls `body` on the actor's executor whenever anything may be routed otherwise than before.
    package func watchRoutes(_ body: @escaping @Sendable () -> Void) { watchers.append(body) }

    /// Asks `obstacle`, on the actor's executor, what keeps requests to `port` from being looked at, before an attachment is taken that
    /// needs that; it is refused with these words.
    package func check(_ port: AgentRoutes.Port, by obstacle: @escaping @Sendable () -> String?) {
        obstacles[port] = obstacle
    }

    /// The sessions that have an attachment here: only these may link directly.
    package var sessions: Set<String> { routes.sessions }

    /// Whether any attachment has ports here.
    package var isHolding: Bool { routes.isHolding }

    /// A message of the manager; returns the answer, if one is due.
    package func take(_ message: ManagerMessage) -> ParticipantMessage? {
        guard case .attachmentChange(let change) = message else { return nil }
        let state = change.removed ? "removed" : "\(change.attachment.state)"
        logger.info("attachment", metadata: ["id": "\(change.attachment.id)", "state": "\(state)"])
        holders[change.attachment.id] = change.removed ? nil : change.attachment.sessionID
        if !change.removed, !attachments.contains(change.attachment.id), let obstacle = obstacle(to: change.attachment)
        {
            return .agentReport(AgentReport(attachmentID: change.attachment.id, state: .error, message: obstacle))
        }
        switch routes.apply(change) {
        case .report(let report): return .agentReport(report)
        case .none: return nil
        }
    }

    private func obstacle(to attachment: Attachment) -> String? {
        guard attachment.spec.plaintext || !TrafficFilter(attachment.spec).isGlobal else { return nil }
        return attachment.ports.lazy.compactMap { [obstacles] in obstacles[AgentRoutes.Port($0)]?() }.first
    }

    /// The workstation did not answer a connection in time: its traffic goes to the app until a probe is answered.
    package func unanswered(_ attachmentID: String) {
        guard routes.unanswered(attachmentID) else { return }
        logger.warning("workstation does not answer", metadata: ["attachment": "\(attachmentID)"])
        Task { await self.probe(attachmentID) }
    }

    /// The attachments that it serves.
    package func statusRows() -> [AttachmentStatus] {
        routes.attachments.map { id, session, answers in
            AttachmentStatus(
                id: id,
                sessionID: session,
                state: answers ? .active : .waiting,
                message: answers ? "" : "the workstation does not answer"
            )
        }
    }

    private func probe(_ attachmentID: String) async {
        while let target = routes.target(of: attachmentID) {
            let answered = await prober.probe(target)
            guard routes.probed(attachmentID, answered: answered) else { break }
            // The prober waits for its answer; this is for the case that it fails at once.
            try? await Task.sleep(for: .milliseconds(200))
        }
        logger.info("probing ended", metadata: ["attachment": "\(attachmentID)"])
    }

    /// The link to the manager is gone.
    package func managerLost() {
        routes.managerLost()
        holders = [:]
    }
}

/// Asks a workstation whether it is there.
package protocol WorkstationProber: Sendable {
    /// True as soon as any answer came; false after two seconds without one.
    func probe(_ target: AgentRoutes.Target) async -> Bool
}
