import Actor
import Call
import Cluster
import HTTP2
import Logging
import Message
import NIOCore

/// Keeps the direct links to the agents of the attachments.
///
/// Concurrency model: the actor owns the machine, the attempts and the table of links; a link itself is touched on the event
/// loop alone. A link that takes nothing new stays in the table until it is over, so that the end finds it.
actor AgentLinks {
    private struct Up {
        let pod: AgentPod
        let attempt: UInt64
        let link: NIOLoopBound<Link>
    }

    private let eventLoop: any EventLoop
    private let logger: Logger
    private var machine = DirectAgents()
    private var dialler: AgentDialler?
    private var attempts: [AgentPod: Task<Void, Never>] = [:]
    /// By attempt.
    private var links: [UInt64: Up] = [:]

    init(eventLoop: any EventLoop, logger: Logger) {
        self.eventLoop = eventLoop
        self.logger = logger
    }

    /// Dials for this session from now on, or for none.
    func use(_ dialler: AgentDialler?, session: String?) {
        self.dialler = dialler
        act(machine.use(session: dialler == nil ? nil : session))
    }

    /// The attachments are these from now on.
    func serve(_ attachments: [Attachment]) {
        act(machine.serve(attachments))
    }

    /// Which way their traffic takes.
    func ways(_ attachments: [Attachment]) -> [AttachmentWay] {
        machine.ways(attachments)
    }

    /// The links, for the status.
    func rows() async -> [LinkStatus] {
        let links = links.sorted { $0.key < $1.key }.map(\.value)
        let rows = try? await eventLoop.submit {
            links.map { up in
                up.link.value.measureRoundTrip(every: .seconds(5))
                return LinkStatus(up.link.value, peer: "agent/\(up.pod)", transport: "direct")
            }
        }.get()
        return rows ?? []
    }

    /// Ends everything.
    func close() {
        machine = DirectAgents()
        dialler = nil
        for attempt in attempts.values { attempt.cancel() }
        attempts = [:]
        let ended = links.values.map(\.link)
        links = [:]
        eventLoop.execute { for link in ended { link.value.close() } }
    }

    // MARK: what the machine says

    private func act(_ actions: [DirectAgents.Action]) {
        for action in actions {
            switch action {
            case .leave(let pod, let attempt):
                // A later attempt at the same pod may be under way already.
                if let up = links[attempt] {
                    eventLoop.execute { up.link.value.drain() }
                } else {
                    attempts.removeValue(forKey: pod)?.cancel()
                }
            case .dial(let pod, let attempt, let wait):
                attempts.updateValue(begin(pod, attempt, after: wait), forKey: pod)?.cancel()
            }
        }
    }

    private func begin(_ pod: AgentPod, _ attempt: UInt64, after wait: Duration) -> Task<Void, Never> {
        let dialler = dialler
        return Task { [weak self] in
            if wait > .zero { try? await Task.sleep(for: wait) }
            guard !Task.isCancelled, let dialler else { return }
            do {
                let link = try await dialler.open(pod)
                guard let self else { return }
                await self.opened(pod, attempt, link)
            } catch {
                await self?.failed(pod, attempt, Self.reason(error))
            }
        }
    }

    private func opened(_ pod: AgentPod, _ attempt: UInt64, _ link: NIOLoopBound<Link>) async {
        guard machine.opened(pod, attempt: attempt, now: .now) else {
            eventLoop.execute { link.value.close() }
            return
        }
        links[attempt] = Up(pod: pod, attempt: attempt, link: link)
        logger.info("direct link", metadata: ["agent": "\(pod)"])
        eventLoop.execute { [weak self] in
            let link = link.value
            // What happened before this moment is not told by itself.
            if let reason = link.closeReason { return Self.tell(self, pod, attempt, "\(reason)", isOver: true) }
            link.onClose = { Self.tell(self, pod, attempt, "\($0)", isOver: true) }
            guard link.isOpen else { return Self.tell(self, pod, attempt, "the agent leaves it", isOver: false) }
            link.onGoAway = { Self.tell(self, pod, attempt, "the agent leaves it", isOver: false) }
        }
    }

    private static func tell(
        _ links: AgentLinks?,
        _ pod: AgentPod,
        _ attempt: UInt64,
        _ reason: String,
        isOver: Bool
    ) {
        guard let links else { return }
        Task { await links.lost(pod, attempt, "the direct link was lost: \(reason)", isOver: isOver) }
    }

    private func lost(_ pod: AgentPod, _ attempt: UInt64, _ reason: String, isOver: Bool) {
        if isOver { links[attempt] = nil }
        failed(pod, attempt, reason)
    }

    private func failed(_ pod: AgentPod, _ attempt: UInt64, _ reason: String) {
        let chance = Double.random(in: 0..<1)
        let next = machine.failed(pod, attempt: attempt, reason: reason, now: .now, chance: chance)
        guard let next else { return }
        logger.info("no direct link", metadata: ["agent": "\(pod)", "reason": "\(reason)"])
        act([next])
    }

    /// In words for the user.
    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as APIError: error.message
        case let status as CallStatus: status.message.isEmpty ? status.code.name : status.message
        default: "\(error)"
        }
    }
}
