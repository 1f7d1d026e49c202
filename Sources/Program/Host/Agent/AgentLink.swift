import Actor
import Call
import Cluster
import HTTP2
import Logging
import Message
import NIOCore
import NIOPosix
import TLS
import Tunnel

/// The agent's link to the manager: dials, announces the pod, passes messages to the actor, dials again.
///
/// `dialler` is confined to the event loop; everything else runs in the task of `run`.
final class AgentLink: @unchecked Sendable {
    // @unchecked: `dialler` is touched on `eventLoop` only, `door`, `volumes` and `podPorts` are set before that; all else is constant.
    /// Between two signs of life on the session's stream.
    private static let heartbeat = Duration.seconds(30)
    /// Between two words on the copies for wiretaps.
    private static let tallyPause = Duration.seconds(1)
    /// How long open tunnels may go on when the session has ended.
    private static let farewell = TimeAmount.seconds(5)

    let eventLoop: any EventLoop
    private let host: String
    private let port: Int
    private let serverName: String
    private let credential: SessionCredential
    private let tokenPath: String
    private var hello: AgentHello
    private let logger: Logger
    /// Opens tunnels by way of the manager.
    private(set) var dialler: TunnelDialler?
    /// Where workstations link directly; set before the link runs.
    var door: DirectDoor?
    /// Serves volumes; set before the link runs.
    var volumes: AgentVolumes?
    /// Joins the pod's ports with workstations; set before the link runs.
    var podPorts: AgentPodPorts?
    /// What becomes of connections; confined to the event loop.
    let counts = AgentCounts()
    /// The copies for wiretaps; confined to the event loop.
    private(set) lazy var taps = AgentTaps(link: self)
    private let dialBack: AgentDialBack?
    private let logs: LogStore

    init(
        eventLoop: any EventLoop,
        host: String,
        port: Int,
        serverName: String,
        credential: SessionCredential,
        tokenPath: String,
        hello: AgentHello,
        dialBack: AgentDialBack? = nil,
        logs: LogStore = .shared,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.host = host
        self.port = port
        self.serverName = serverName
        self.credential = credential
        self.tokenPath = tokenPath
        self.hello = hello
        self.dialBack = dialBack
        self.logs = logs
        self.logger = logger
    }

    /// Takes direct links from now on; to be called before the link runs.
    func open(_ door: DirectDoor, port: Int) {
        self.door = door
        hello.linkPort = UInt16(clamping: port)
    }

    /// Keeps the link until the task is cancelled.
    ///
    /// Waits about 250 ms before the next dial, doubling up to about 5 s, each agent for a time of its own.
    ///
    /// - Parameters:
    ///   - agent: told what comes.
    ///   - synchronised: called on each link once the agent knows all that concerns it.
    func run(_ agent: TrafficAgent, synchronised: @escaping @Sendable () -> Void = {}) async {
        var backoff = Backoff()
        var session: Welcome?
        while !Task.isCancelled {
            do {
                try await serve(agent, session, synchronised) {
                    session = $0
                    backoff.reset()
                }
                logger.info("manager ended the session")
            } catch {
                logger.warning("no link to the manager", metadata: ["reason": "\(error)"])
            }
            await agent.managerLost()
            try? await Task.sleep(for: backoff.next(Double.random(in: 0..<1)))
        }
    }

    private func serve(
        _ agent: TrafficAgent,
        _ former: Welcome?,
        _ synchronised: @Sendable () -> Void,
        welcomed: (Welcome) -> Void
    ) async throws {
        let channel = try await ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.recvAllocator, value: TunnelSocket.readBuffers)
            .connect(host: host, port: port).get()
        // Renewed on the live session, read anew for each link: what is shown has just been valid.
        let context = try credential.context(alpn: Link.forward)
        let client = try await eventLoop.flatSubmit { [self] in
            Link.startTLS(on: channel, context: context, dialler: serverName, configuration: LinkConfiguration())
                .map { link in
                    let dialler = NIOLoopBound(
                        TunnelDialler(link: link, eventLoop: self.eventLoop),
                        eventLoop: self.eventLoop
                    )
                    self.dialler = dialler.value
                    channel.closeFuture.whenComplete { _ in
                        if self.dialler === dialler.value { self.dialler = nil }
                    }
                    return CallClient(link: link)
                }
        }.get()
        var isWelcome = false
        defer {
            leave(channel)
            // The manager may not know the certificate any more; the token is as good.
            if !isWelcome { credential.forget() }
        }
        let (requests, responses) = try await client.bidirectional(ManagerCalls.session)
        var hello = Hello()
        hello.kind = .agent
        hello.version = ProductVersion.text
        hello.agent = self.hello
        hello.credential = token
        hello.publicKey = credential.publicKey
        if let former {
            hello.sessionID = former.sessionID
            hello.secret = former.secret
        }
        try await requests.send(.hello(hello))
        // Answers come in order: when this one is answered, all that was known at the hello has come.
        try await requests.send(.heartbeat(Heartbeat(sequence: 0)))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                var sequence: UInt64 = 0
                while true {
                    // The link's own probes find out whether the manager is there; this is for what lies between.
                    try await Task.sleep(for: Self.heartbeat)
                    sequence += 1
                    try await requests.send(.heartbeat(Heartbeat(sequence: sequence)))
                }
            }
            group.addTask { [self] in
                for await report in tallies() { try await requests.send(.agentReport(report)) }
            }
            defer { group.cancelAll() }
            for try await message in responses {
                if case .renewal(let renewal) = message { take(renewal) }
                if case .welcome(let welcome) = message {
                    logger.info("session", metadata: ["id": "\(welcome.sessionID)"])
                    welcomed(welcome)
                    isWelcome = true
                    if let certificate = welcome.certificate {
                        credential.take(certificate)
                        group.addTask { [self] in
                            await credential.keepRenewed {
                                let request = RenewRequest(credential: self.token, publicKey: self.credential.publicKey)
                                try await requests.send(.renew(request))
                            }
                        }
                    }
                }
                if case .heartbeat(let beat) = message, beat.sequence == 0 {
                    synchronised()
                    tidy(agent)
                }
                await follow(message)
                if let answer = await agent.take(message) { try await requests.send(answer) }
                if case .attachmentChange(let change) = message, change.removed { tidy(agent) }
            }
        }
    }
}

extension AgentLink {
    /// The token that proves whose agent this is, empty without one; the kubelet renews the file.
    private var token: String {
        String(decoding: FileContents.read(tokenPath) ?? [], as: UTF8.self).filter { !$0.isWhitespace }
    }

    private func take(_ renewal: Renewal) {
        if let certificate = renewal.certificate { return credential.take(certificate) }
        logger.warning(
            "certificate not renewed",
            metadata: ["code": "\(renewal.code)", "reason": "\(renewal.message)"]
        )
    }

    /// What the manager wants of the agent besides attachments.
    private func follow(_ message: ManagerMessage) async {
        switch message {
        case .dialBack:
            guard let dialBack else { return }
            // Meanwhile the session goes on.
            Task { await dialBack.dial() }
        case .logLevel(let request):
            do throws(CallStatus) {
                _ = try logs.apply(request)
            } catch {
                logger.warning("level not changed", metadata: ["reason": "\(error)"])
            }
        case .volumeOrder(let order):
            guard let volumes else { return }
            // Meanwhile the session goes on.
            Task { await volumes.take(order) }
        case .podPortRequest(let order):
            guard let podPorts else { return }
            Task { await podPorts.take(order) }
        default: break
        }
    }

    /// Leaves the direct links that nobody wants any more, and ends the copies for wiretaps that are gone.
    private func tidy(_ agent: TrafficAgent) {
        eventLoop.execute { [self] in
            door?.tidy()
            taps.keep(only: agent.assumeIsolated { $0.attachments })
        }
    }

    /// What has become of the copies for wiretaps: whenever that has changed, but not more often than once in a while.
    private func tallies() -> AsyncStream<AgentReport> {
        let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let (reports, feed) = AsyncStream.makeStream(of: AgentReport.self)
        let task = Task { [self] in
            try? await eventLoop.submit { [self] in taps.onChange = { change.yield() } }.get()
            // What was counted on a former link has been told on that, perhaps.
            var told: [String: AgentTaps.Tally] = [:]
            change.yield()
            for await _ in changes {
                let tallies = (try? await eventLoop.submit { [self] in taps.tallies }.get()) ?? [:]
                for (id, tally) in tallies where told[id] != tally && tally.copied > 0 {
                    told[id] = tally
                    feed.yield(
                        AgentReport(attachmentID: id, state: .active, copied: tally.copied, dropped: tally.dropped)
                    )
                }
                try? await Task.sleep(for: Self.tallyPause)
            }
        }
        feed.onTermination = { _ in
            task.cancel()
            change.finish()
        }
        return reports
    }

    /// Nothing new goes over this link; tunnels that are open may end by themselves.
    private func leave(_ channel: any Channel) {
        eventLoop.execute { [self] in
            guard let link = dialler?.link, link.channel === channel else { return channel.close(promise: nil) }
            dialler = nil
            link.drain(within: Self.farewell)
        }
    }

    /// The link and what became of tunnels, for the status.
    func statusRows() async -> StatusReport {
        let report = try? await eventLoop.submit { [self] in
            var report = StatusReport()
            if let link = dialler?.link {
                link.measureRoundTrip(every: .seconds(5))
                report.links.append(LinkStatus(link, peer: "traffic-manager"))
            }
            report.links += door?.rows ?? []
            report.add("to-workstation", counts.tunnels)
            report.count([
                "connections.app": counts.app, "connections.workstation": counts.workstation,
                "connections.fallback": counts.fallback, "connections.direct": counts.direct,
                "copies.begun": taps.tallies.values.reduce(0) { $0 + $1.copied },
                "copies.dropped": taps.tallies.values.reduce(0) { $0 + $1.dropped },
            ])
            return report
        }.get()
        return report ?? StatusReport()
    }
}

extension AgentLink: WorkstationProber {
    func probe(_ target: AgentRoutes.Target) async -> Bool {
        await withCheckedContinuation { continuation in
            eventLoop.execute { [self] in
                guard hasWay(to: target) else {
                    continuation.resume(returning: false)
                    return
                }
                let probe = HeaderField(name: "tp-probe", value: "1")
                openTCP(to: target, adding: [probe], within: .seconds(2)) { result in
                    switch result {
                    case .success(let stream):
                        stream.reset(.cancel)
                        continuation.resume(returning: true)
                    // Any answer of the workstation shows that it is there.
                    case .failure(.refused), .failure(.policy): continuation.resume(returning: true)
                    case .failure: continuation.resume(returning: false)
                    }
                }
            }
        }
    }
}

/// What an intercepted connection's CONNECT carries.
enum WorkstationFields {
    static func fields(_ target: AgentRoutes.Target) -> [HeaderField] {
        [
            HeaderField(name: "tp-session", value: target.sessionID),
            HeaderField(name: "tp-attachment", value: target.attachmentID),
        ]
    }

    static func destination(_ target: AgentRoutes.Target) -> TunnelDestination {
        TunnelDestination(host: target.address, port: target.port)
    }
}
