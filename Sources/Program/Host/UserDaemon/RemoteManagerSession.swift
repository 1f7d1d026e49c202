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
/// Concurrency model: `links` are confined to their event loop; `state` is behind a mutex, since requests, the reading task
/// and cancellation meet there; the rest is constant.
final class RemoteManagerSession: ManagerSession {
    /// The two links, on one event loop.
    struct Links {
        let forward: Link
        let reverse: Link
    }

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
    }

    /// How long the manager may take to hear that the workstation leaves.
    private static let farewell = Duration.milliseconds(500)

    let facts: SessionFacts
    let events: AsyncStream<SessionEvent>
    let eventLoop: any EventLoop
    private let links: NIOLoopBound<Links>
    /// For every further link of this session.
    let credential: SessionCredential
    private let source: any CredentialSource
    private let logger: Logger
    private let requests: CallWriter<ParticipantMessage>
    private let client: CallClient
    private let emit: AsyncStream<SessionEvent>.Continuation
    private let state = Mutex(State())
    private let tasks = Mutex<[Task<Void, Never>]>([])

    init(
        facts: SessionFacts,
        links: NIOLoopBound<Links>,
        eventLoop: any EventLoop,
        client: CallClient,
        requests: CallWriter<ParticipantMessage>,
        credential: SessionCredential,
        source: any CredentialSource,
        logger: Logger
    ) {
        self.credential = credential
        self.source = source
        self.logger = logger
        self.facts = facts
        self.links = links
        self.eventLoop = eventLoop
        self.client = client
        self.requests = requests
        // Changes are few; a daemon that does not read them is not running any more.
        (events, emit) = AsyncStream.makeStream(bufferingPolicy: .unbounded)
    }

    /// Begins reading and beating; `responses` continues after the welcome.
    func start(_ responses: CallMessages<ManagerMessage>) {
        let reading = Task { [self] in
            do {
                for try await message in responses { take(message) }
                lose("the traffic manager ended the session")
            } catch {
                lose("the link to the traffic manager broke: \(error)")
            }
        }
        let beating = Task { [self] in
            var sequence: UInt64 = 0
            while !Task.isCancelled {
                try? await Task.sleep(for: .seconds(5))
                sequence += 1
                let used = state.withLock { state in
                    defer { state.used = false }
                    return state.used
                }
                try? await requests.send(.heartbeat(Heartbeat(sequence: sequence, used: used)))
            }
        }
        let renewing = Task { [self] in
            await credential.keepRenewed {
                // The token may be another one by now; a certificate is on the link already.
                let token = try await source.credential(afterRefusal: false).token ?? ""
                try await requests.send(.renew(RenewRequest(credential: token, publicKey: credential.publicKey)))
            }
        }
        tasks.withLock { $0 = [reading, beating, renewing] }
        eventLoop.execute { [self] in
            for link in [links.value.forward, links.value.reverse] {
                let former = link.onClose
                link.onClose = { [weak self] reason in
                    former?(reason)
                    self?.lose("the link to the traffic manager broke: \(reason)")
                }
            }
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
        try? await requests.send(.detachRequest(detach))
        finish(id, .failure(CancellationError()))
    }

    func detach(_ id: String) async throws(DaemonFailure) {
        var detach = DetachRequest()
        detach.requestID = nextRequest()
        detach.attachmentID = id
        let result: RequestResult
        do {
            result = try await request(detach.requestID, .detachRequest(detach)) { _, _ in }
        } catch {
            throw DaemonFailure(error)
        }
        guard result.code == UInt32(CallCode.ok.rawValue) else {
            throw DaemonFailure(CallStatus(CallCode(rawValue: result.code) ?? .unknown, result.message))
        }
    }

    func revoke(holder: String, name: String, namespace: String) async throws(DaemonFailure) {
        let id = nextRequest()
        let revoke = RevokeRequest(requestID: id, session: holder, name: name, namespace: namespace)
        let result: RequestResult
        do {
            result = try await request(id, .revokeRequest(revoke)) { _, _ in }
        } catch {
            throw DaemonFailure(error)
        }
        guard result.code == UInt32(CallCode.ok.rawValue) else {
            throw DaemonFailure(CallStatus(CallCode(rawValue: result.code) ?? .unknown, result.message))
        }
    }

    func noteUse() {
        state.withLock { $0.used = true }
    }

    func workloads(namespace: String) async throws(DaemonFailure) -> [Workload] {
        var request = ListWorkloadsRequest()
        request.sessionID = facts.sessionID
        request.namespace = namespace
        do {
            return try await client.unary(ManagerCalls.listWorkloads, request, timeout: .seconds(15)).workloads
        } catch {
            throw DaemonFailure(error)
        }
    }

    func figures() async -> LinkFigures {
        let links = links
        let figures = try? await eventLoop.submit {
            let (forward, reverse) = (links.value.forward, links.value.reverse)
            return LinkFigures(
                roundTripMicroseconds: UInt64((forward.roundTrip?.nanoseconds ?? 0) / 1000),
                bytesIn: UInt64(forward.bytesIn) + UInt64(reverse.bytesIn),
                bytesOut: UInt64(forward.bytesOut) + UInt64(reverse.bytesOut)
            )
        }.get()
        return figures ?? LinkFigures()
    }

    /// Makes calls to the manager.
    var calls: CallClient { client }

    func links() async -> [LinkStatus] {
        let (links, session, transport) = (links, facts.sessionID, facts.link)
        let rows = try? await eventLoop.submit {
            [(links.value.forward, "traffic-manager"), (links.value.reverse, "traffic-manager, reverse")].map {
                $0.0.measureRoundTrip(every: .seconds(5))
                return LinkStatus($0.0, peer: $0.1, session: session, transport: transport)
            }
        }.get()
        return rows ?? []
    }

    func close() async {
        state.withLock { $0.lost = true }
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
        let links = links
        _ = try? await eventLoop.submit {
            links.value.forward.drain()
            links.value.reverse.close()
        }.get()
        // The farewell has gone out with the drain; tunnels still open would keep the link for ever.
        eventLoop.scheduleTask(in: .milliseconds(100)) { links.value.forward.close() }
    }

    /// The dialler of outbound tunnels; on the loop only.
    func withDialler(_ body: @escaping @Sendable (TunnelDialler) -> Void) async {
        let (links, eventLoop) = (links, eventLoop)
        _ = try? await eventLoop.submit { body(TunnelDialler(link: links.value.forward, eventLoop: eventLoop)) }.get()
    }

    // MARK: - Answers

    private func nextRequest() -> String {
        state.withLock {
            $0.lastRequest += 1
            return "r\($0.lastRequest)"
        }
    }

    private func request(
        _ id: String,
        _ message: ParticipantMessage,
        _ progress: @escaping ProgressReport
    ) async throws -> RequestResult {
        try await withCheckedThrowingContinuation { continuation in
            let lost = state.withLock {
                if !$0.lost { $0.pending[id] = Pending(continuation: continuation, progress: progress) }
                return $0.lost
            }
            guard !lost else {
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
        case .clusterInfo(let cluster): emit.yield(.cluster(cluster))
        case .attachmentChange(let change): emit.yield(.attachment(change))
        case .requestResult(let result): finish(result.requestID, .success(result))
        case .progress(let update):
            state.withLock { $0.pending[update.requestID]?.progress }?(update.phase, update.message)
        case .renewal(let renewal): take(renewal)
        case .welcome, .heartbeat, .dialBack, .logLevel, .unknown: break
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

    private func lose(_ cause: String) {
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
        let links = links
        eventLoop.execute {
            // Where the manager has said goodbye, tunnels that are open may end by themselves.
            links.value.forward.drain()
            links.value.reverse.drain()
        }
        eventLoop.scheduleTask(in: Self.drainTime) {
            links.value.forward.close()
            links.value.reverse.close()
        }
    }
}
