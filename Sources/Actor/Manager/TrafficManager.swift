package import Logging
package import Message

/// The traffic manager: sessions, attachments, and which workloads get an agent.
///
/// Concurrency model: the actor owns the registry and the machine and never reads state before and writes it after the
/// same `await`. What it has to say goes into a bounded queue per link; a receiver that lets it run full is cut off, so
/// that nobody waits for it. Event loops ask ``permissions``, which is written after each change.
package actor TrafficManager {
    /// Messages that wait for one receiver at most.
    static let outboundLimit = 512

    private struct Outbound {
        let generation: Int
        let continuation: AsyncStream<ManagerMessage>.Continuation
        let ended: AsyncStream<Never>.Continuation

        func finish() {
            continuation.finish()
            ended.finish()
        }
    }

    let cluster: any ManagedCluster
    let judge: any AccessJudge
    let timeouts: ManagerTimeouts
    let logger: Logger
    private let version: String
    private let clock = ContinuousClock()

    /// Which agent may relay to which session at present.
    package nonisolated let permissions = RelayPermissions()

    private var registry: SessionRegistry
    var machine = AttachmentMachine()
    private var outbound: [String: Outbound] = [:]
    private var wanted: Set<WorkloadKey> = []
    /// Whether a session has a reverse link, by the latest word on it.
    private var reverse: [String: (isUp: Bool, sequence: UInt64)] = [:]
    private var info = ClusterInfo()
    private var requests: [String: [String: Task<Void, Never>]] = [:]
    private var watchers: [UInt64: AsyncStream<Void>.Continuation] = [:]
    private var nextWatcher: UInt64 = 0

    package init(
        cluster: any ManagedCluster,
        judge: any AccessJudge,
        version: String,
        timeouts: ManagerTimeouts = ManagerTimeouts(),
        logger: Logger
    ) {
        self.cluster = cluster
        self.judge = judge
        self.version = version
        self.timeouts = timeouts
        self.logger = logger
        registry = SessionRegistry(retention: timeouts.retention)
    }

    // MARK: sessions

    /// Takes a participant in; its first message is a welcome.
    ///
    /// - Parameters:
    ///   - hello: what it says.
    ///   - principal: who it has proven to be.
    /// - Returns: Its place.
    /// - Throws: `invalid` for a hello that says too little.
    package func join(_ hello: Hello, as principal: Principal) async throws(ManagerFailure) -> JoinedSession {
        if hello.kind == .client { await refreshClusterInfo() }
        let entry = try registry.hello(hello, as: principal, newID: Self.randomID(), newSecret: Self.randomBytes(32))
        let session = entry.session
        let (stream, continuation) = AsyncStream.makeStream(
            of: ManagerMessage.self,
            bufferingPolicy: .bufferingOldest(Self.outboundLimit)
        )
        let (ended, endedContinuation) = AsyncStream.makeStream(of: Never.self)
        outbound[session.id]?.finish()
        outbound[session.id] = Outbound(
            generation: session.generation,
            continuation: continuation,
            ended: endedContinuation
        )
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
        if let agent = hello.agent {
            wanted.insert(WorkloadKey(kind: agent.workloadKind, name: agent.workloadName, namespace: agent.namespace))
            deliver(machine.agentJoined(session.id, agent))
        } else if let client = hello.client {
            // A link that has been displaced was the holder's too: agents start afresh either way.
            deliver(machine.holderBack(session.id))
            if entry.resumed {
                for attachment in machine.held(by: session.id) {
                    send(.attachmentChange(AttachmentChange(attachment: attachment)), to: session.id)
                }
            }
            let held = machine.held(by: session.id).map(\.spec)
            for spec in client.attachments
            where !held.contains(where: { $0.name == spec.name && $0.namespace == spec.namespace }) {
                restore(spec, for: session.id)
            }
        }
        return JoinedSession(id: session.id, generation: session.generation, outbound: stream, ended: ended)
    }

    /// A message of a participant that has joined.
    package func take(_ message: ParticipantMessage, from session: JoinedSession) {
        guard let known = registry[session.id], known.generation == session.generation else { return }
        switch message {
        case .hello, .unknown: break
        case .heartbeat(let heartbeat): send(.heartbeat(heartbeat), to: session.id)
        case .attachRequest(let request): start(request, for: known)
        case .detachRequest(let request): detach(request, for: known)
        case .agentReport(let report):
            guard known.hello.kind == .agent else { break }
            deliver(machine.agentReported(session.id, report))
        case .depart(let depart):
            logger.info("departed", metadata: ["id": "\(session.id)", "reason": "\(depart.reason)"])
            forget(session.id, reason: "the workstation has left")
        }
    }

    /// The link of a participant has ended.
    ///
    /// A client may come back; an agent's connections go to the app by themselves.
    package func linkLost(_ session: JoinedSession) {
        guard registry.linkLost(session.id, generation: session.generation, now: clock.now) else { return }
        logger.info("link lost", metadata: ["id": "\(session.id)"])
        outbound.removeValue(forKey: session.id)?.finish()
        for task in (requests.removeValue(forKey: session.id) ?? [:]).values { task.cancel() }
        if registry[session.id]?.hello.kind == .agent {
            deliver(machine.agentLost(session.id))
        } else {
            deliver(machine.holderLost(session.id))
        }
    }

    /// Forgets the sessions that have been away for too long.
    ///
    /// To be called now and then.
    package func expire() {
        for id in registry.expired(now: clock.now) {
            logger.info("session expired", metadata: ["id": "\(id)"])
            forget(id, reason: "the workstation has been away for too long")
        }
    }

    /// Ends every link; participants come back by themselves.
    package func drain() {
        for (_, entry) in outbound { entry.finish() }
        outbound = [:]
    }

    /// Whether a reverse link that shows this belongs to the session.
    package func proves(_ identity: WorkstationIdentity) -> Bool {
        registry.proves(identity.sessionID, secret: identity.secret)
    }

    /// The way to a workstation has come up or gone down.
    ///
    /// - Parameters:
    ///   - session: whose workstation.
    ///   - isUp: connections can be sent to it.
    ///   - sequence: counts up with every such event, so that late news change nothing.
    package func reverseLink(of session: String, isUp: Bool, sequence: UInt64) {
        guard registry[session] != nil, reverse[session]?.sequence ?? 0 < sequence else { return }
        reverse[session] = (isUp, sequence)
        for watcher in watchers.values { watcher.yield() }
    }

    /// Whether connections can be sent to a workstation.
    func isReachable(_ session: String) -> Bool { reverse[session]?.isUp == true }

    private func forget(_ id: String, reason: String) {
        for attachment in machine.held(by: id) { deliver(machine.remove(attachment.id, reason: reason)) }
        deliver(machine.agentLost(id))
        for task in (requests.removeValue(forKey: id) ?? [:]).values { task.cancel() }
        outbound.removeValue(forKey: id)?.finish()
        reverse[id] = nil
        _ = registry.remove(id)
    }

    // MARK: cluster

    /// Whether a new pod of a workload is to get an agent.
    package func wantsAgent(_ workload: WorkloadKey) -> Bool {
        wanted.contains(workload)
    }

    /// From now on new pods of a workload get an agent.
    func want(_ workload: WorkloadKey) {
        wanted.insert(workload)
    }

    /// Looks at the cluster's network again, and tells the clients if it has changed.
    ///
    /// To be called now and then.
    package func refreshClusterInfo() async {
        do throws(ManagerFailure) {
            let fresh = try await cluster.clusterInfo()
            guard fresh != info else { return }
            info = fresh
            for session in registry.all where session.hello.kind == .client && session.isLinked {
                send(.clusterInfo(fresh), to: session.id)
            }
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
        let facts = try await cluster.workloads(namespace: namespace)
        let attachments = machine.attachments
        return facts.sorted { $0.key.name < $1.key.name }.map { facts in
            let own = attachments.filter { machine.workload(of: $0.id) == facts.key }.sorted { $0.id < $1.id }
            let installed = !machine.pods(of: facts.key).isEmpty
            let intercepted = own.contains { $0.spec.kind == .intercept }
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

    // MARK: requests

    private func start(_ request: AttachRequest, for session: SessionRegistry.Session) {
        guard session.hello.kind == .client else {
            return answer(request.requestID, .init(.invalid, "only a workstation attaches"), to: session.id)
        }
        run(request.requestID, for: session.id) { manager in
            do throws(ManagerFailure) {
                let attachment = try await manager.attach(request.spec, session: session, request: request.requestID)
                await manager.answer(request.requestID, attachment, to: session.id)
            } catch {
                await manager.answer(request.requestID, error, to: session.id)
            }
        }
    }

    /// Makes again what a session held before the manager forgot it.
    private func restore(_ spec: AttachmentSpec, for id: String) {
        guard let session = registry[id] else { return }
        run("restore \(spec.namespace)/\(spec.name)", for: id) { manager in
            do throws(ManagerFailure) {
                let attachment = try await manager.attach(spec, session: session, request: "")
                await manager.announce(attachment, to: id)
            } catch {
                await manager.lament(spec, error, to: id)
            }
        }
    }

    private func run(_ name: String, for id: String, _ body: @escaping @Sendable (TrafficManager) async -> Void) {
        let earlier = requests[id]?[name]
        requests[id, default: [:]][name] = Task {
            // The same request twice: one after the other, so that each gets its answer.
            await earlier?.value
            await body(self)
            self.ended(name, for: id)
        }
    }

    private func ended(_ name: String, for id: String) {
        requests[id]?[name] = nil
        if requests[id]?.isEmpty == true { requests[id] = nil }
    }

    private func detach(_ request: DetachRequest, for session: SessionRegistry.Session) {
        let namespace = request.namespace.isEmpty ? session.hello.client?.namespace ?? "" : request.namespace
        let found = machine.held(by: session.id).first {
            request.attachmentID.isEmpty
                ? $0.spec.name == request.name && $0.spec.namespace == namespace : $0.id == request.attachmentID
        }
        guard let found else {
            let what = request.attachmentID.isEmpty ? request.name : request.attachmentID
            return answer(request.requestID, .init(.notFound, "no attachment \(what)"), to: session.id)
        }
        deliver(machine.remove(found.id, reason: "left"))
        send(.requestResult(RequestResult(requestID: request.requestID)), to: session.id)
    }

    private func announce(_ attachment: Attachment, to id: String) {
        machine.announce(attachment.id)
        send(.attachmentChange(AttachmentChange(attachment: machine[attachment.id] ?? attachment)), to: id)
    }

    private func lament(_ spec: AttachmentSpec, _ failure: ManagerFailure, to id: String) {
        let attachment = Attachment(sessionID: id, spec: spec, state: .error, message: failure.message)
        send(.attachmentChange(AttachmentChange(attachment: attachment, removed: true)), to: id)
    }

    private func answer(_ request: String, _ attachment: Attachment, to id: String) {
        machine.announce(attachment.id)
        let now = machine[attachment.id] ?? attachment
        send(.requestResult(RequestResult(requestID: request, attachment: now)), to: id)
        send(.attachmentChange(AttachmentChange(attachment: now)), to: id)
    }

    private func answer(_ request: String, _ failure: ManagerFailure, to id: String) {
        let result = RequestResult(requestID: request, code: failure.code.rawValue, message: failure.message)
        send(.requestResult(result), to: id)
    }

    // MARK: what goes out

    /// Tells a client how far its request has come; without a request there is nobody to tell.
    func progress(_ request: String, _ phase: String, _ message: String, to id: String) {
        guard !request.isEmpty else { return }
        send(.progress(ProgressUpdate(requestID: request, phase: phase, message: message)), to: id)
    }

    /// Sends what the machine says, and lets everybody who waits for a change look again.
    func deliver(_ notices: [AttachmentMachine.Notice]) {
        permissions.replace(machine.permissions)
        for notice in notices { send(.attachmentChange(notice.change), to: notice.session) }
        for watcher in watchers.values { watcher.yield() }
    }

    private func send(_ message: ManagerMessage, to id: String) {
        guard let entry = outbound[id] else { return }
        if case .dropped = entry.continuation.yield(message) {
            logger.warning("session too slow, cut off", metadata: ["id": "\(id)"])
            outbound[id] = nil
            entry.finish()
        }
    }

    /// Waits until `condition` gives something, looking again after each change and after each `poll`.
    ///
    /// - Returns: nil when `patience` has passed, or the task was cancelled.
    func waiting<Value: Sendable>(
        patience: Duration,
        until condition: (isolated TrafficManager) -> Value?
    ) async -> Value? {
        let deadline = clock.now.advanced(by: patience)
        let (changes, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let ticket = nextWatcher
        nextWatcher += 1
        watchers[ticket] = continuation
        defer { watchers[ticket] = nil }
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
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
    }

    /// A new attachment's id.
    static func attachmentID() -> String {
        String(randomID().prefix(16))
    }
}

extension TrafficManager {
    /// How many attachments there are.
    package var attachmentCount: Int { machine.attachments.count }
}
