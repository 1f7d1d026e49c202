import Call
import HTTP2
import Logging
import Message
import NIOCore
import NIOPosix
import Synchronization
import TLS

/// The agent's reverse link: dialled when the manager has something to ask, closed when it has idled.
///
/// So thousands of agents that nobody asks cost the manager one link each, not two.
final class AgentDialBack: Sendable {
    /// Silence after which the link is closed.
    static let idleTime = TimeAmount.seconds(30)

    private let eventLoop: any EventLoop
    private let host: String
    private let port: Int
    private let serverName: String
    private let credential: SessionCredential
    private let service: StatusService
    private let idleTime: TimeAmount
    private let logger: Logger
    private let isOpen = Mutex(false)

    /// The same as for the agent's own link.
    init(
        eventLoop: any EventLoop,
        host: String,
        port: Int,
        serverName: String,
        credential: SessionCredential,
        service: StatusService,
        idleTime: TimeAmount = AgentDialBack.idleTime,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.host = host
        self.port = port
        self.serverName = serverName
        self.credential = credential
        self.service = service
        self.idleTime = idleTime
        self.logger = logger
    }

    /// Makes sure that there is a link.
    func dial() async {
        guard isOpen.withLock({ exchangeTrue(&$0) }) else { return }
        // The manager closes what it does not take.
        var router = LinkAdmission().router
        service.register(on: &router)
        let calls = router
        let configuration = LinkConfiguration { [weak self] link in
            calls.serve(link)
            link.onClose = { _ in self?.closed() }
        }
        do {
            let context = try credential.context(alpn: Link.reverse)
            let channel = try await ClientBootstrap(group: eventLoop)
                .connectTimeout(.seconds(5))
                .connect(host: host, port: port).get()
            try await eventLoop.flatSubmit { [self] in
                Link.startTLS(on: channel, context: context, dialler: serverName, configuration: configuration)
                    .map { [self] in closeWhenIdle($0) }
            }.get()
            logger.debug("dialled back")
        } catch {
            logger.warning("cannot dial back", metadata: ["reason": "\(error)"])
            closed()
        }
    }

    private func closed() {
        isOpen.withLock { $0 = false }
    }

    /// On the loop.
    private func closeWhenIdle(_ link: Link) {
        let bound = NIOLoopBound(link, eventLoop: eventLoop)
        let idleSince = NIOLoopBoundBox(NIODeadline.now(), eventLoop: eventLoop)
        let idleTime = idleTime
        let check = TimeAmount.nanoseconds(max(1, idleTime.nanoseconds / 4))
        eventLoop.scheduleRepeatedTask(initialDelay: check, delay: check) { task in
            guard bound.value.closeReason == nil else { return task.cancel() }
            if bound.value.streamCount > 0 { idleSince.value = .now() }
            if NIODeadline.now() - idleSince.value >= idleTime { bound.value.close() }
        }
    }
}

/// Sets it; false where it was set.
private func exchangeTrue(_ value: inout Bool) -> Bool {
    defer { value = true }
    return !value
}
