package import Logging
package import Message

/// The traffic manager: sessions, attachments, and which workloads get an agent.
///
/// Concurrency model: the actor owns the registry and the machine and never reads state before and writes it after the
/// same `await`. What it has to say goes into a bounded box per link; a receiver that lets it run full is cut off, so
/// that nobody waits for it. Event loops ask ``permissions``, of which each change writes what it concerns.
///
/// What a change costs depends on whom it concerns: the agents of one workload, the holder of one attachment, who waits
/// for it. Nothing here looks at all sessions but what concerns all of them, a change of the cluster's network and the end.
package actor TrafficManager {
    struct Outbound {
        let box: Outbox
        let end: SessionEnd

        func finish() {
            box.finish()
            end.come()
        }
    }

    let cluster: any ManagedCluster
    let judge: any AccessJudge
    let timeouts: ManagerTimeouts
    let logger: Logger
    private let version: String
    /// Attachments may take all requests of a port, or a whole container.
    let allowsGlobal: Bool
    let clock = ContinuousClock()

    /// Which agent may relay to which session at present.
    package nonisolated let permissions = RelayPermissions()
    /// Who has connected and attached so far.
    package nonisolated let usage = UsageCounts()

    var registry: SessionRegistry
    var machine: AttachmentMachine
    /// The agents' pods.
    var pods = AgentPods()
    private var outbound: [String: Outbound] = [:]
    private var wanted: WantedWorkloads
    /// Replacements of pods that are under way.
    var desk = ReplacementDesk()
    /// Whether a session has a reverse link, by the latest word on it.
    private var reverse: [String: (isUp: Bool, sequence: UInt64)] = [:]
    /// What the latest test of the injector has found; empty while all is well.
    package internal(set) var webhookProblem = ""
    private var info = ClusterInfo()
    private var isClusterKnown = false
    private var firstLook: Task<Void, Never>?
    var requests: [String: [String: Task<Void, Never>]] = [:]
    /// Who waits for a change of an attachment.
    private var watchers: [String: [UInt64: AsyncStream<Void>.Continuation]] = [:]
    private var nextWatcher: UInt64 = 0
    private var cutOff: UInt64 = 0

    /// - Parameters:
    ///   - cluster: what it sees and changes.
    ///   - judge: who may do what.
    ///   - version: what it tells participants.
    ///   - timeouts: how long it waits.
    ///   - excludedVariables: names of variables that no workstation gets.
    ///   - allowsGlobal: attachments may take all requests of a port, or a whole container.
    ///   - logger: where it says what it does.
    package init(
        cluster: any ManagedCluster,
        judge: any AccessJudge,
        version: String,
        timeouts: ManagerTimeouts = ManagerTimeouts(),
        excludedVariables: Set<String> = [],
        allowsGlobal: Bool = true,
        logger: Logger
    ) {
        machine = AttachmentMachine(excludedVariables: excludedVariables)
        self.cluster = cluster
        self.judge = judge
        self.version = version
        self.allowsGlobal = allowsGlobal
        self.timeouts = timeouts
        self.logger = logger
        registry = SessionRegistry(timeouts.terms)
        wanted = WantedWorkloads(retention: timeouts.workloadRetention)
    }

    // MARK: sessions

    /// Takes a participant in; its first message is a welcome.
    ///
    /// What concerns it follows at once: an agent's attachments, and what became of a workstation's.
    ///
    /// - Parameters:
    ///   - hello: what it says.
    ///   - principal: who it has proven to be.
    /// - Returns: Its place.
    /// - Throws: `invalid` for a hello that says too little.
    package func join(_ hello: Hello, as principal: Principal) async throws(ManagerFailure) -> JoinedSession {
        if hello.kind == .client { await knowCluster() }
        let entry = try registry.hello(
            hello,
            as: principal,
            newID: Self.randomID(),
            newSecret: Self.randomBytes(32),
            now: clock.now
        )
        let session = entry.session
        if !entry.resumed { usage.connected(hello) }
        // What was asked on the former link has nobody who waits for it.
        if entry.resumed { giveUpRequests(of: session.id) }
        let box = Outbox()
        let end = SessionEnd()
        outbound[session.id]?.finish()
        outbound[session.id] = Outbound(box: box, end: end)
        var welcome = Welcome(
            sessionID: session.id,
            secret: session.secret,
            managerVersion: version,
            resumed: entry.resumed
        )
        if hello.kind == .client { welcome.cluster = info }
        logger.info(
            "session",
            metadata: ["id": "\(session.id)", "owner": "\(session.owner)", "resumed": "\(entry.resumed)"]
        )
        send(.welcome(welcome), to: session.id)
        if hello.kind == .agent, var agent = hello.agent {
            // The certificate of one that has not proven its pod names none: no workstation would believe it.
            if case .unproven = principal { agent.linkPort = 0 }
            deliver(machine.agentJoined(session.id, agent))
            act(on: pods.joined(session.id, agent, as: principal))
        } else if let client = hello.client {
            tellAll(client.attachments, entry)
        }
        return JoinedSession(id: session.id, generation: session.generation, outbound: box, end: end)
    }

    /// Brings a workstation and the manager to the same view of its attachments.
    private func tellAll(_ former: [Attachment], _ entry: SessionRegistry.OnHello) {
        let id = entry.session.id
        deliver(machine.holderBack(id))
        for attachment in machine.announced(to: id) {
            send(.attachmentChange(AttachmentChange(attachment: attachment)), to: id)
        }
        let held = machine.held(by: id)
        for ended in entry.untold.union(former.map(\.id)) {
            if let change = entry.ended[ended] { send(.attachmentChange(change), to: id) }
        }
        for attachment in former
        where machine[attachment.id]?.sessionID != id && entry.ended[attachment.id] == nil {
            let (name, namespace) = (attachment.spec.name, attachment.spec.namespace)
            // Restored already, under another id, on a link that broke before the workstation knew.
            if let successor = held.first(where: { $0.spec.name == name && $0.spec.namespace == namespace }) {
                tellGone(attachment, "goes on as \(successor.id)", to: id)
            } else {
                restore(attachment, for: id)
            }
        }
    }

    /// A message of a participant that has joined.
    package func take(_ message: ParticipantMessage, from session: JoinedSession) {
        guard let known = registry[session.id], known.generation == session.generation else { return }
        switch message {
        // Certificates are the business of who holds the link.
        case .hello, .renew, .unknown: break
        case .heartbeat(let heartbeat):
            if heartbeat.used { registry.used(session.id, now: clock.now) }
            send(.heartbeat(Heartbeat(sequence: heartbeat.sequence)), to: session.id)
        case .attachRequest(let request):
            registry.used(session.id, now: clock.now)
            start(request, for: known)
        case .detachRequest(let request):
            registry.used(session.id, now: clock.now)
            detach(request, for: known)
        case .revokeRequest(let request):
            registry.used(session.id, now: clock.now)
            revoke(request, for: known)
        case .volumeRequest(let request): openVolume(request, for: known)
        case .podPortRequest(let request): openPodPort(request, for: known)
        case .agentReport(let report):
            guard known.hello.kind == .agent else { break }
            deliver(machine.agentReported(session.id, report))
        case .depart(let depart):
            logger.info("departed", metadata: ["id": "\(session.id)", "reason": "\(depart.reason)"])
            forget(session.id, reason: "the workstation has left")
        }
    }

    /// A session has proven anew who it is.
    package func renewed(_ session: JoinedSession, as principal: Principal) {
        registry.renewed(session.id, generation: session.generation, as: principal)
    }

    /// Whether a session has been taken up on another link than this.
    package func isElsewhere(_ session: JoinedSession) -> Bool {
        registry[session.id].map { $0.generation != session.generation } ?? false
    }

    /// The link of a participant has ended.
    ///
    /// A client may come back; an agent's connections go to the app by themselves.
    package func linkLost(_ session: JoinedSession) {
        guard registry.linkLost(session.id, generation: session.generation, now: clock.now) else { return }
        logger.info("link lost", metadata: ["id": "\(session.id)"])
        outbound.removeValue(forKey: session.id)?.finish()
        giveUpRequests(of: session.id)
        if registry[session.id]?.hello.kind == .agent {
            pods.left(session.id)
            deliver(machine.agentLost(session.id))
        } else {
            deliver(machine.holderLost(session.id))
        }
    }

    /// Forgets the sessions that have been away for too long, and the workloads that nobody has used for a while.
    ///
    /// To be called now and then.
    package func expire() {
        let now = clock.now
        for id in registry.expired(now: now) {
            logger.info("session expired", metadata: ["id": "\(id)"])
            forget(id, reason: "the workstation has been away for too long")
        }
        wanted.expire(now: now)
        pods.expire(now: now)
    }

    /// Ends every link; participants come back by themselves.
    package func drain() {
        for (_, entry) in outbound { entry.finish() }
        outbound = [:]
    }

    /// Who holds a session; nil when there is none.
    package func principal(of session: String) -> Principal? { registry[session]?.principal }

    /// The way to a workstation has come up or gone down.
    ///
    /// - Parameters:
    ///   - session: whose workstation.
    ///   - isUp: connections can be sent to it.
    ///   - sequence: counts up with every such event, so that late news change nothing.
    package func reverseLink(of session: String, isUp: Bool, sequence: UInt64) {
        guard registry[session] != nil, reverse[session]?.sequence ?? 0 < sequence else { return }
        reverse[session] = (isUp, sequence)
        for attachment in machine.held(by: session) { wake(attachment.id) }
        // For who waits for the agent of that session.
        wake(session)
    }

    /// Whether connections can be sent to a workstation.
    func isReachable(_ session: String) -> Bool { reverse[session]?.isUp == true }

    /// Nobody is at the other end of a session's link any more: it is closed, with all that is open on it.
    func cut(_ id: String) {
        outbound[id]?.end.come(isCut: true)
    }

    func forget(_ id: String, reason: String) {
        pods.left(id)
        for attachment in machine.held(by: id) { deliver(machine.remove(attachment.id, reason: reason)) }
        deliver(machine.agentLost(id))
        giveUpRequests(of: id)
        outbound.removeValue(forKey: id)?.finish()
        reverse[id] = nil
        _ = registry.remove(id)
    }

    // MARK: cluster

    /// Whether a new pod of a workload is to get an agent.
    package func wantsAgent(_ workload: WorkloadKey) -> Bool {
        wanted.contains(workload)
    }

    /// From now on new pods of a workload get an agent, for a while at least.
    func want(_ workload: WorkloadKey) {
        wanted.occupied(workload)
        if !machine.isOccupied(workload) { wanted.vacated(workload, now: clock.now) }
    }

    /// Looks at the cluster's network once, however many workstations come at the same time; later looks are for
    /// ``refreshClusterInfo()``.
    private func knowCluster() async {
        guard !isClusterKnown else { return }
        let look = firstLook ?? Task { await self.refreshClusterInfo() }
        firstLook = look
        await look.value
        firstLook = nil
    }

    /// From now on new pods of a workload get no agent, unless it asks for one itself.
    func unwant(_ workload: WorkloadKey) {
        wanted.forget(workload)
    }

    /// Looks at the cluster's network again, and tells the clients if it has changed.
    ///
    /// To be called now and then.
    package func refreshClusterInfo() async {
        do throws(ManagerFailure) {
            let fresh = try await cluster.clusterInfo()
            isClusterKnown = true
            guard fresh != info else { return }
            info = fresh
            for id in registry.clients { send(.clusterInfo(fresh), to: id) }
        } catch {
            logger.warning("cluster information", metadata: ["error": "\(error.message)"])
        }
    }

    /// The workloads of a namespace, for a live session.
    package func workloads(_ request: ListWorkloadsRequest) async throws(ManagerFailure) -> [Workload] {
        guard let session = registry[request.sessionID], let client = session.hello.client else {
            throw ManagerFailure(.unauthenticated, "no such session")
        }
        let namespace = request.namespace.isEmpty ? client.namespace : request.namespace
        try await judge.mayList(session.principal, namespace: namespace)
        let facts = try await cluster.workloads(namespace: namespace)
        return facts.sorted { $0.key.name < $1.key.name }.map { facts in
            let own = machine.attachments(of: facts.key)
            let installed = !machine.pods(of: facts.key).isEmpty
            let intercepted = own.contains { $0.spec.kind == .intercept || $0.spec.kind == .replace }
            return Workload(
                kind: facts.key.kind,
                name: facts.key.name,
                namespace: facts.key.namespace,
                agentState: intercepted ? "intercepted" : installed ? "installed" : "none",
                notInterceptable: facts.obstacle,
                // Somebody else's environment is nobody's business.
                attachments: own.map { attachment in
                    var attachment = attachment
                    if attachment.sessionID != session.id {
                        attachment.environment = [:]
                        attachment.sessionID = ""
                    }
                    return attachment
                },
                replicas: UInt32(clamping: facts.replicas),
                ready: UInt32(clamping: facts.ready)
            )
        }
    }

    // MARK: what goes out

    /// Tells a client how far its request has come; without a request there is nobody to tell.
    func progress(_ request: String, _ phase: String, _ message: String, to id: String) {
        guard !request.isEmpty, !Task.isCancelled else { return }
        send(.progress(ProgressUpdate(requestID: request, phase: phase, message: message)), to: id)
    }

    /// Sends what the machine says, writes down what may be relayed, and lets those who wait for it look again.
    func deliver(_ notices: [AttachmentMachine.Notice]) {
        let changes = machine.takeChanges()
        var rows: [String: RelayPermissions.Row?] = [:]
        for id in changes.attachments { rows[id] = .some(machine.permission(id)) }
        permissions.update(rows)
        for workload in changes.workloads {
            if machine.isOccupied(workload) {
                wanted.occupied(workload)
            } else {
                wanted.vacated(workload, now: clock.now)
            }
        }
        for notice in notices {
            send(.attachmentChange(notice.change), to: notice.session)
            if notice.change.removed { registry.ended(notice.session, notice.change) }
        }
        for id in changes.attachments { wake(id) }
        for workload in machine.takeChangedAgents() { desk.running[workload]?.wake.yield() }
        for workload in machine.takeFreed() { Task { await self.putBack(workload) } }
    }

    func send(_ message: ManagerMessage, to id: String) {
        guard let entry = outbound[id], !entry.box.add(message) else { return }
        cutOff += 1
        logger.warning(
            "session too slow, cut off",
            metadata: ["id": "\(id)", "owner": "\(registry[id]?.owner ?? "")", "so-far": "\(cutOff)"]
        )
        outbound[id] = nil
        entry.finish()
    }

    /// Lets those look again who wait for a change of something.
    func wake(_ attachment: String) {
        for watcher in (watchers[attachment] ?? [:]).values { watcher.yield() }
    }

    /// Waits until `condition` gives something, looking again after each change of `attachment` or of its holder's links.
    ///
    /// - Parameters:
    ///   - attachment: whose changes matter.
    ///   - patience: how long to wait.
    ///   - condition: what is waited for.
    /// - Returns: nil when `patience` has passed, or the task was cancelled.
    func waiting<Value: Sendable>(
        on attachment: String,
        patience: Duration,
        until condition: (isolated TrafficManager) -> Value?
    ) async -> Value? {
        let deadline = clock.now.advanced(by: patience)
        let (changes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let ticket = nextWatcher
        nextWatcher += 1
        watchers[attachment, default: [:]][ticket] = continuation
        defer {
            watchers[attachment]?[ticket] = nil
            if watchers[attachment]?.isEmpty == true { watchers[attachment] = nil }
        }
        let alarm = Task {
            try? await Task.sleep(until: deadline, clock: .continuous)
            continuation.finish()
        }
        defer { alarm.cancel() }
        if let value = condition(self) { return value }
        for await _ in changes {
            if let value = condition(self) { return value }
        }
        return nil
    }

    private static func randomID() -> String {
        randomBytes(16).map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }.joined()
    }

    private static func randomBytes(_ count: Int) -> [UInt8] {
        // Each word is a call of the kernel.
        var generator = SystemRandomNumberGenerator()
        let words = (0..<(count + 7) / 8).map { _ in generator.next() }
        return (0..<count).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> ($0 % 8 * 8)) }
    }

    /// A new attachment's id.
    static func attachmentID() -> String {
        String(randomID().prefix(16))
    }

    /// Whether `id` looks like one that a manager has given.
    static func isAttachmentID(_ id: String) -> Bool {
        id.utf8.count == 16 && id.utf8.allSatisfy { (48...57).contains($0) || (97...102).contains($0) }
    }
}

extension TrafficManager {
    /// How many attachments there are.
    package var attachmentCount: Int { machine.count }

    /// How much there is of what, for metrics and status.
    package var figures: ManagerFigures {
        ManagerFigures(
            clients: registry.clients.count,
            agents: registry.count - registry.clients.count,
            attachments: machine.count,
            workloads: wanted.count,
            cutOff: cutOff
        )
    }
}
