import Actor
import Call
import Cluster
import HTTP2
import Logging
import Message
import NIOCore
import Synchronization
import Tunnel

/// A session with a traffic manager over two links: one for calls and outbound tunnels, one for tunnels towards here.
///
/// It can move to another pair of links while it lives: ``move(to:_:)``.
///
/// Concurrency model: `ways` are confined to their event loop; `state` is behind a mutex, since requests, the reading tasks
/// and cancellation meet there; the rest is constant.
final class RemoteManagerSession: ManagerSession {
    /// The links in use, and those that only finish what they carry.
    private final class Ways {
        var current: ManagerWay
        var former: [ManagerWay] = []

        init(_ current: ManagerWay) { self.current = current }
    }

    /// The session's stream on the present way.
    private struct Line: Sendable {
        let client: CallClient
        let requests: CallWriter<ParticipantMessage>
        /// Counts the ways that the session has taken.
        var number = 0
    }

    /// Tunnels that agents or programs are just opening still reach their end on the way that was left.
    private static let grace = TimeAmount.seconds(2)
    /// How long open tunnels may go on when the session has ended.
    private static let drainTime = TimeAmount.seconds(5)

    private struct Pending {
        let continuation: CheckedContinuation<RequestResult, any Error>
        let progress: ProgressReport
    }

    private struct State {
        var pending: [String: Pending] = [:]
        var lastRequest = 0
        var lost = false
        /// Why the manager has not renewed the certificate, the last time that it was asked.
        var refusal = ""
        /// Somebody has used the workstation since the last heartbeat.
        var used = false
        /// It was closed from here.
        var closed = false
        var line: Line
        /// It is being taken up on another way; requests wait for that.
        var moving = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        /// Requests that may go on the present way, and are not in `pending` yet.
        var entering = 0
        /// How the former stream ended while it was moving.
        var endedMeanwhile: String?
        var directAddresses: [String]
    }

    /// How long the manager may take to hear that the workstation leaves.
    private static let farewell = Duration.milliseconds(500)

    let facts: SessionFacts
    let events: AsyncStream<SessionEvent>
    let eventLoop: any EventLoop
    private let ways: NIOLoopBound<Ways>
    /// For every further link of this session.
    let credential: SessionCredential
    private let source: any CredentialSource
    /// Dials agents for this session.
    let agents: AgentDialler?
    private let logger: Logger
    private let emit: AsyncStream<SessionEvent>.Continuation
    private let state: Mutex<State>
    /// What reads the present stream first.
    private let tasks = Mutex<[Task<Void, Never>]>([])

    /// Makes it; must run on the links' event loop.
    init(
        facts: SessionFacts,
        way: ManagerWay,
        eventLoop: any EventLoop,
        client: CallClient,
        requests: CallWriter<ParticipantMessage>,
        credential: SessionCredential,
        source: any CredentialSource,
        agents: AgentDialler? = nil,
        logger: Logger
    ) {
        self.credential = credential
        self.agents = agents
        self.source = source
        self.logger = logger
        self.facts = facts
        self.eventLoop = eventLoop
        ways = NIOLoopBound(Ways(way), eventLoop: eventLoop)
        state = Mutex(
            State(
                line: Line(client: client, requests: requests),
                directAddresses: facts.cluster.directAddresses
            )
        )
        // Changes are few; a daemon that does not read them is not running any more.
        (events, emit) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    /// Where the manager is published, as far as is known.
    var directAddresses: [String] { state.withLock { $0.directAddresses } }

    /// Its links have failed; nobody has closed it.
    var isLost: Bool { state.withLock { $0.lost && !$0.closed } }

    private var line: Line { state.withLock { $0.line } }

    /// Begins reading and beating; `responses` continues after the welcome.
    ///
    /// - Parameters:
    ///   - responses: What the manager says.
    ///   - keeper: Looks for a better way meanwhile.
    func start(_ responses: CallMessages<ManagerMessage>, keeper: DirectLinkKeeper?) {
        let reading = read(responses, number: 0)
        let beating = Task { [self] in
            var sequence: UInt64 = 0
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(5))
                sequence += 1
                let used = state.withLock { state in
                    defer { state.used = false }
                    return state.used
                }
                try? await line.requests.send(.heartbeat(Heartbeat(sequence: sequence, used: used)))
            }
        }
        let renewing = Task { [self] in
            await credential.keepRenewed {
                // The token may be another one by now; a certificate is on the link already.
                let token = try await source.credential(afterRefusal: false).token ?? ""
                let request = RenewRequest(credential: token, publicKey: credential.publicKey)
                try await line.requests.send(.renew(request))
            }
        }
        let keeping = keeper.map { keeper in Task { await keeper.run(self) } }
        tasks.withLock { $0 = [reading, beating, renewing] + (keeping.map { [$0] } ?? []) }
        eventLoop.execute { [self] in watch(ways.value.current) }
    }

    private func read(_ responses: CallMessages<ManagerMessage>, number: Int) -> Task<Void, Never> {
        Task { [self] in
            do {
                for try await message in responses { take(message) }
                ended(number, "the traffic manager ended the session")
            } catch {
                ended(number, "the link to the traffic manager broke: \(error)")
            }
        }
    }

    /// A session's stream has ended; that of a way that was left says nothing.
    private func ended(_ number: Int, _ reason: String) {
        let isLost = state.withLock { state in
            guard number == state.line.number else { return false }
            if state.moving { state.endedMeanwhile = reason }
            return !state.moving
        }
        if isLost { lose(reason) }
    }

    private func watch(_ way: ManagerWay) {
        for link in [way.forward, way.reverse] {
            let former = link.onClose
            link.onClose = { [weak self, weak way] reason in
                former?(reason)
                guard let self, let way else { return }
                let ways = self.ways.value
                if way === ways.current {
                    self.lose("the link to the traffic manager broke: \(reason)")
                } else {
                    ways.former.removeAll { $0.forward.closeReason != nil && $0.reverse.closeReason != nil }
                }
            }
        }
    }

    /// Takes the session up on other links; from then on all new tunnels go there, and the open ones stay where they are.
    ///
    /// - Parameters:
    ///   - way: Open links to the same manager, the reverse one known to it.
    ///   - hello: Proves that the session is one's own.
    /// - Returns: False when a request is under way: it would lose its answer.
    /// - Throws: When the manager does not take it up there; then it goes on where it was, unless that has ended, too.
    func move(to way: NIOLoopBound<ManagerWay>, _ hello: Hello) async throws -> Bool {
        let isFree = state.withLock { state in
            guard !state.moving, state.entering == 0, state.pending.isEmpty, !state.lost else { return false }
            state.moving = true
            state.endedMeanwhile = nil
            return true
        }
        guard isFree else { return false }
        let late = eventLoop.scheduleTask(in: .seconds(10)) { way.value.close() }
        defer { late.cancel() }
        do {
            let client = try await eventLoop.submit { CallClient(link: way.value.forward) }.get()
            let (requests, responses) = try await client.bidirectional(ManagerCalls.session)
            try await requests.send(.hello(hello))
            guard case .welcome(let welcome) = try await responses.next() else {
                throw CallStatus(.unavailable, "the traffic manager did not welcome this session")
            }
            guard welcome.resumed, welcome.sessionID == facts.sessionID else {
                try? await requests.send(.depart(Depart(reason: "moved")))
                throw CallStatus(.aborted, "the traffic manager there does not know this session")
            }
            if let certificate = welcome.certificate { credential.take(certificate) }
            let number = state.withLock { state in
                state.line = Line(client: client, requests: requests, number: state.line.number + 1)
                return state.line.number
            }
            let name = try await eventLoop.submit { [self] in
                let former = ways.value.current
                ways.value.current = way.value
                ways.value.former.append(former)
                watch(way.value)
                eventLoop.assumeIsolated().scheduleTask(in: Self.grace) { former.drain() }
                return way.value.name
            }.get()
            let reading = read(responses, number: number)
            tasks.withLock { $0.insert(reading, at: 0) }
            emit.yield(.moved(name))
            settle(failed: false)
            // It may have broken between the welcome and the watch.
            eventLoop.execute { [self] in
                if let reason = way.value.forward.closeReason ?? way.value.reverse.closeReason {
                    lose("the link to the traffic manager broke: \(reason)")
                }
            }
            return true
        } catch {
            settle(failed: true)
            throw error
        }
    }

    /// The move is over: requests that waited go on.
    private func settle(failed: Bool) {
        let (waiting, ended) = state.withLock { state in
            defer {
                state.moving = false
                state.entering += state.waiting.count
                state.waiting = []
            }
            return (state.waiting, failed ? state.endedMeanwhile : nil)
        }
        if let ended { lose(ended) }
        for continuation in waiting { continuation.resume() }
    }

    /// Returns at once unless the session is moving; it does not move until the request is in `pending`.
    private func enter() async {
        await withCheckedContinuation { continuation in
            let isMoving = state.withLock { state in
                if state.moving { state.waiting.append(continuation) } else { state.entering += 1 }
                return state.moving
            }
            if !isMoving { continuation.resume() }
        }
    }

    // MARK: - Requests

    func attach(
        _ spec: AttachmentSpec,
        progress: @escaping ProgressReport
    ) async throws(DaemonFailure) -> Attachment {
        let id = nextRequest()
        let result: RequestResult
        do {
            result = try await withTaskCancellationHandler {
                try await request(id, .attachRequest(AttachRequest(requestID: id, spec: spec)), progress)
            } onCancel: {
                // Whether or not the manager has made it already, it is not wanted any more.
                Task { await self.withdraw(spec, request: id) }
            }
        } catch {
            throw DaemonFailure(error)
        }
        guard result.code == UInt32(CallCode.ok.rawValue), let attachment = result.attachment else {
            throw DaemonFailure(CallStatus(CallCode(rawValue: result.code) ?? .unknown, result.message))
        }
        return attachment
    }

    private func withdraw(_ spec: AttachmentSpec, request id: String) async {
        var detach = DetachRequest()
        detach.requestID = nextRequest()
        detach.name = spec.name
        detach.namespace = spec.namespace
        try? await line.requests.send(.detachRequest(detach))
        finish(id, .failure(CancellationError()))
    }

    func detach(_ id: String) async throws(DaemonFailure) {
        var detach = DetachRequest()
        detach.requestID = nextRequest()
        detach.attachmentID = id
        try await request(detach.requestID, .detachRequest(detach))
    }

    func revoke(holder: String, name: String, namespace: String) async throws(DaemonFailure) {
        let id = nextRequest()
        let revoke = RevokeRequest(requestID: id, session: holder, name: name, namespace: namespace)
        try await request(id, .revokeRequest(revoke))
    }

    /// Has the agent of an attachment open a tunnel with its volumes.
    func openVolume(_ wanted: VolumeRequest) async throws(DaemonFailure) {
        var wanted = wanted
        wanted.requestID = nextRequest()
        try await request(wanted.requestID, .volumeRequest(wanted))
    }

    /// Has the agent of an attachment open a tunnel with a port of its pod.
    func openPodPort(_ wanted: PodPortRequest) async throws(DaemonFailure) {
        var wanted = wanted
        wanted.requestID = nextRequest()
        try await request(wanted.requestID, .podPortRequest(wanted))
    }

    func noteUse() {
        state.withLock { $0.used = true }
    }

    func workloads(namespace: String) async throws(DaemonFailure) -> [Workload] {
        var request = ListWorkloadsRequest()
        request.sessionID = facts.sessionID
        request.namespace = namespace
        do {
            return try await line.client.unary(ManagerCalls.listWorkloads, request, timeout: .seconds(15)).workloads
        } catch {
            throw DaemonFailure(error)
        }
    }

    func removeAgents(_ request: RemoveAgentsRequest) async throws(DaemonFailure) -> RemoveAgentsResult {
        var request = request
        request.sessionID = facts.sessionID
        do {
            // Pods are replaced one after another, each as slowly as its workload wants it.
            return try await line.client.unary(ManagerCalls.removeAgents, request, timeout: .seconds(600))
        } catch {
            throw DaemonFailure(error)
        }
    }

    func figures() async -> LinkFigures {
        let ways = ways
        let figures = try? await eventLoop.submit {
            let all = [ways.value.current] + ways.value.former
            let links = all.flatMap { [$0.forward, $0.reverse] }
            return LinkFigures(
                roundTripMicroseconds: UInt64((ways.value.current.forward.roundTrip?.nanoseconds ?? 0) / 1000),
                bytesIn: links.reduce(0) { $0 + UInt64($1.bytesIn) },
                bytesOut: links.reduce(0) { $0 + UInt64($1.bytesOut) }
            )
        }.get()
        return figures ?? LinkFigures()
    }

    /// Makes calls to the manager.
    var calls: CallClient { line.client }

    func links() async -> [LinkStatus] {
        let (ways, session) = (ways, facts.sessionID)
        let rows = try? await eventLoop.submit {
            ([ways.value.current] + ways.value.former).flatMap { way in
                [(way.forward, "traffic-manager"), (way.reverse, "traffic-manager, reverse")].map {
                    $0.0.measureRoundTrip(every: .seconds(5))
                    return LinkStatus($0.0, peer: $0.1, session: session, transport: way.name)
                }
            }
        }.get()
        return rows ?? []
    }

    func close() async {
        state.withLock { $0.closed = true }
        // A move that is under way ends first: the manager hears the farewell on the way that it knows.
        await enter()
        let pending = state.withLock { state in
            state.lost = true
            defer { state.pending = [:] }
            return Array(state.pending.values)
        }
        // Nobody reads their answers any more.
        let end = CallStatus(.unavailable, "the connection was ended")
        for request in pending { request.continuation.resume(throwing: end) }
        let requests = line.requests
        try? await requests.send(.depart(Depart(reason: "quit")))
        requests.finish()
        // The manager ends the call when it has read that. Ended here any sooner, the call may take the word with it, and
        // what the session held would block others for long.
        let tasks = tasks.withLock { $0 }
        let patience = Task {
            try? await Task.sleep(for: Self.farewell)
            tasks.first?.cancel()
        }
        await tasks.first?.value
        patience.cancel()
        tasks.forEach { $0.cancel() }
        emit.finish()
        let ways = ways
        _ = try? await eventLoop.submit {
            ways.value.current.forward.drain()
            ways.value.current.reverse.close()
        }.get()
        // The farewell has gone out with the drain; tunnels still open would keep the links for ever.
        eventLoop.scheduleTask(in: .milliseconds(100)) {
            for way in [ways.value.current] + ways.value.former { way.close() }
        }
    }

    /// The dialler of outbound tunnels; on the loop only.
    func withDialler(_ body: @escaping @Sendable (TunnelDialler) -> Void) async {
        let (ways, eventLoop) = (ways, eventLoop)
        _ = try? await eventLoop.submit {
            body(TunnelDialler(link: ways.value.current.forward, eventLoop: eventLoop))
        }.get()
    }

    // MARK: - Answers

    private func nextRequest() -> String {
        state.withLock {
            $0.lastRequest += 1
            return "r\($0.lastRequest)"
        }
    }

    /// A request whose answer is yes or no.
    private func request(_ id: String, _ message: ParticipantMessage) async throws(DaemonFailure) {
        let result: RequestResult
        do {
            result = try await request(id, message) { _, _ in }
        } catch {
            throw DaemonFailure(error)
        }
        guard result.code == UInt32(CallCode.ok.rawValue) else {
            throw DaemonFailure(CallStatus(CallCode(rawValue: result.code) ?? .unknown, result.message))
        }
    }

    private func request(
        _ id: String,
        _ message: ParticipantMessage,
        _ progress: @escaping ProgressReport
    ) async throws -> RequestResult {
        await enter()
        return try await withCheckedThrowingContinuation { continuation in
            let requests = state.withLock { state -> CallWriter<ParticipantMessage>? in
                state.entering -= 1
                guard !state.lost else { return nil }
                state.pending[id] = Pending(continuation: continuation, progress: progress)
                return state.line.requests
            }
            guard let requests else {
                continuation.resume(throwing: CallStatus(.unavailable, "the link to the traffic manager is gone"))
                return
            }
            Task {
                do {
                    try await requests.send(message)
                } catch {
                    finish(id, .failure(error))
                }
            }
        }
    }

    private func finish(_ id: String, _ result: Result<RequestResult, any Error>) {
        state.withLock { $0.pending.removeValue(forKey: id) }?.continuation.resume(with: result)
    }

    private func take(_ message: ManagerMessage) {
        switch message {
        case .clusterInfo(let cluster):
            state.withLock { $0.directAddresses = cluster.directAddresses }
            emit.yield(.cluster(cluster))
        case .attachmentChange(let change): emit.yield(.attachment(change))
        case .requestResult(let result): finish(result.requestID, .success(result))
        case .progress(let update):
            state.withLock { $0.pending[update.requestID]?.progress }?(update.phase, update.message)
        case .renewal(let renewal): take(renewal)
        case .welcome, .heartbeat, .dialBack, .logLevel, .volumeOrder, .podPortRequest, .unknown: break
        }
    }

    private func take(_ renewal: Renewal) {
        state.withLock { $0.refusal = renewal.message }
        if let certificate = renewal.certificate { return credential.take(certificate) }
        logger.warning(
            "certificate not renewed",
            metadata: ["code": "\(renewal.code)", "reason": "\(renewal.message)"]
        )
    }

    /// The session is of no more use here: its owner takes it up again.
    func lose(_ cause: String) {
        let refusal = state.withLock { $0.refusal }
        let reason = refusal.isEmpty ? cause : "\(cause); its certificate was not renewed: \(refusal)"
        let pending = state.withLock { state -> [Pending]? in
            guard !state.lost else { return nil }
            state.lost = true
            defer { state.pending = [:] }
            return Array(state.pending.values)
        }
        guard let pending else { return }
        for request in pending { request.continuation.resume(throwing: CallStatus(.unavailable, reason)) }
        tasks.withLock { $0.forEach { $0.cancel() } }
        emit.yield(.lost(reason))
        emit.finish()
        let ways = ways
        // Where the manager has said goodbye, tunnels that are open may end by themselves; so may those on ways that were left.
        eventLoop.execute { ways.value.current.drain() }
        eventLoop.scheduleTask(in: Self.drainTime) { ways.value.current.close() }
    }
}
