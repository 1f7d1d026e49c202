import Actor
import Call
import HTTP2
import Host
import Message
import NIOCore
import Synchronization
import TLS

/// A simulated workstation: a forward and a reverse link, and one attachment of the workload of its own number.
final class SimulatedWorkstation: Sendable {
    private struct State {
        var held: Attachment?
        var requests: CallWriter<ParticipantMessage>?
        var answers: [String: CheckedContinuation<RequestResult, Never>] = [:]
        var count = 0
    }

    private let place: Place
    private let context: TLSContext
    private let eventLoop: any EventLoop
    private let board: Board
    private let workload: Int
    private let pods: Int
    private let name: String
    /// Whether its attachment is counted: that of the one which is measured is not.
    private let isCounted: Bool
    private let state = Mutex(State())

    init(
        _ place: Place,
        _ context: TLSContext,
        _ eventLoop: any EventLoop,
        _ board: Board,
        name: String,
        workload: Int,
        pods: Int,
        isCounted: Bool = true
    ) {
        self.place = place
        self.context = context
        self.eventLoop = eventLoop
        self.board = board
        self.name = name
        self.workload = workload
        self.pods = pods
        self.isCounted = isCounted
    }

    func run() async {
        let former = Mutex<Welcome?>(nil)
        guard let credential = try? SessionCredential(authorities: place.authority.certificatePEM) else { return }
        await Participant.keep { welcomed in
            let link = try await Participant.dial(place, context, eventLoop)
            defer { eventLoop.execute { link.close() } }
            let (requests, responses) = try await CallClient(link: link).bidirectional(ManagerCalls.session)
            let (known, held) = (former.withLock { $0 }, state.withLock { $0.held })
            var brought = held
            brought?.environment = [:]
            let hello = Hello(
                kind: .client,
                sessionID: known?.sessionID ?? "",
                version: "bench",
                client: ClientHello(
                    user: name,
                    host: "bench",
                    namespace: EvenCluster.key(workload, pods: pods).namespace,
                    attachments: brought.map { [$0] } ?? []
                ),
                secret: known?.secret ?? [],
                publicKey: credential.publicKey
            )
            try await requests.send(.hello(hello))
            guard case .welcome(let welcome)? = try await responses.next() else { return }
            former.withLock { $0 = welcome }
            if let certificate = welcome.certificate { credential.take(certificate) }
            let reverse = try await dialBack(credential)
            defer { eventLoop.execute { reverse.close() } }
            state.withLock { $0.requests = requests }
            welcomed()
            board.count(.workstations)
            let beating = Task {
                while !Task.isCancelled {
                    try await Task.sleep(for: .seconds(5))
                    try await requests.send(.heartbeat(Heartbeat(sequence: 1, used: true)))
                }
            }
            defer { beating.cancel() }
            for try await message in responses { take(message) }
        }
    }

    private func dialBack(_ credential: SessionCredential) async throws -> Link {
        var router = CallRouter()
        router.unary(WorkstationCalls.admit) { _, _ in Empty() }
        let calls = router
        let configuration = LinkConfiguration { [board] link in
            link.onStream = { stream, fields, _ in
                if calls.handle(stream, fields) { return }
                board.count(.tunnels)
                stream.reset(.refusedStream)
            }
        }
        return try await Participant.dial(place, credential.context(alpn: Link.reverse), eventLoop, configuration)
    }

    private func take(_ message: ManagerMessage) {
        switch message {
        case .attachmentChange(let change):
            let (isNew, isLost, id) = state.withLock { state in
                let wasActive = state.held?.state == .active && state.held?.sessionID == change.attachment.sessionID
                let id = change.attachment.id
                // One that goes on under another id is told to be gone, too.
                let isLost = change.removed && state.held?.id == id
                if isLost { state.held = nil }
                if !change.removed { state.held = change.attachment }
                return (change.attachment.state == .active && !wasActive && !change.removed, isLost, id)
            }
            if isLost, isCounted { board.complain("\(name) lost its attachment: \(change.attachment.message)") }
            if isNew, isCounted { board.active(workload, id) }
        case .requestResult(let result):
            state.withLock { $0.answers.removeValue(forKey: result.requestID) }?.resume(returning: result)
        default: break
        }
    }

    /// Attaches; returns once the manager has answered.
    ///
    /// - Parameters:
    ///   - ports: The ports that it wants, by name.
    ///   - headers: What requests must have to be wanted.
    /// - Throws: what the manager says against it.
    func attach(_ ports: [String] = ["http"], headers: [String: String] = [:]) async throws {
        let spec = AttachmentSpec(
            name: "w\(workload)",
            kind: .intercept,
            workload: "w\(workload)",
            ports: ports.map { PortSpec(remote: $0, localPort: 8080) },
            headers: headers
        )
        try await ask { .attachRequest(AttachRequest(requestID: $0, spec: spec)) }
    }

    /// Ends its attachment; returns once the manager has answered.
    func detach() async throws {
        try await ask { .detachRequest(DetachRequest(requestID: $0, name: "w\(self.workload)")) }
    }

    private func ask(_ message: @Sendable (String) -> ParticipantMessage) async throws {
        let (id, requests) = state.withLock { state in
            state.count += 1
            return ("r\(state.count)", state.requests)
        }
        guard let requests else { throw Trouble("\(name) is not connected") }
        let request = message(id)
        let result = await withCheckedContinuation { continuation in
            state.withLock { $0.answers[id] = continuation }
            Task { [board, name] in
                do { try await requests.send(request) } catch { board.complain("\(name): \(error)") }
            }
        }
        guard result.code == 0 else { throw Trouble("\(name): \(result.message)") }
    }
}
