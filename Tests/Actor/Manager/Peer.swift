import Actor
import Message

/// A workstation or an agent in memory: takes what the manager sends, and as an agent confirms what it is told.
actor Peer {
    struct Timeout: Error {}

    private let manager: TrafficManager
    private let session: JoinedSession
    private(set) var welcome = Welcome()
    private(set) var results: [String: RequestResult] = [:]
    private(set) var phases: [String] = []
    private(set) var attachments: [String: Attachment] = [:]
    private(set) var removed: [String] = []
    /// Why they have been removed.
    private(set) var reasons: [String] = []
    private(set) var podPorts: [PodPortRequest] = []
    private(set) var domain = ""
    private(set) var beats: [UInt64] = []
    private var watchers: [CheckedContinuation<Void, Never>] = []
    private let isAgent: Bool
    /// An agent that says nothing to what it is told.
    private let isSilent: Bool
    /// The manager has ended its session.
    private(set) var isOver = false

    /// What an agent holds.
    var held: Set<String> { Set(attachments.keys) }
    var id: String { session.id }

    init(
        _ manager: TrafficManager,
        _ hello: Hello,
        as principal: Principal = .unproven,
        isSilent: Bool = false
    ) async throws {
        self.manager = manager
        self.isSilent = isSilent
        isAgent = hello.kind == .agent
        session = try await manager.join(hello, as: principal)
        var iterator = session.outbound.makeAsyncIterator()
        if case .welcome(let first)? = await iterator.next() { welcome = first }
        if hello.kind == .client { await manager.reverseLink(of: session.id, isUp: true, sequence: 1) }
        Task { await self.read() }
    }

    private func read() async {
        for await message in session.outbound {
            switch message {
            case .requestResult(let result): results[result.requestID] = result
            case .progress(let progress): phases.append(progress.phase)
            case .heartbeat(let beat): beats.append(beat.sequence)
            case .attachmentChange(let change):
                attachments[change.attachment.id] = change.removed ? nil : change.attachment
                if change.removed {
                    removed.append(change.attachment.spec.name)
                    reasons.append(change.attachment.message)
                }
                if isAgent, !isSilent, !change.removed {
                    let report = AgentReport(attachmentID: change.attachment.id, state: .active)
                    await manager.take(.agentReport(report), from: session)
                }
            case .podPortRequest(let order): podPorts.append(order)
            case .clusterInfo(let info): domain = info.clusterDomain
            case .welcome, .renewal, .dialBack, .logLevel, .volumeOrder, .unknown: break
            }
            wake()
        }
        isOver = true
        wake()
    }

    /// Its session was ended, and its link cut.
    nonisolated var isCut: Bool { session.end.isCut }

    func say(_ message: ParticipantMessage) async {
        await manager.take(message, from: session)
    }

    func lose() async {
        await manager.linkLost(session)
    }

    /// Waits until what has come satisfies `condition`; the suite's time limit is the deadline.
    func until(_ condition: @Sendable (isolated Peer) -> Bool) async throws {
        while !condition(self) {
            try Task.checkCancellation()
            await withTaskCancellationHandler {
                await withCheckedContinuation { watchers.append($0) }
            } onCancel: {
                Task { await self.wake() }
            }
        }
    }

    private func wake() {
        for watcher in watchers { watcher.resume() }
        watchers = []
    }

    func result(_ id: String) async throws -> RequestResult {
        try await until { $0.results[id] != nil }
        guard let result = results[id] else { throw Timeout() }
        return result
    }
}
