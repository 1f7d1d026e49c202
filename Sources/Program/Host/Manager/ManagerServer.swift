package import Actor
import Call
import HTTP2
package import Logging
import Message
package import NIOCore
import NIOPosix
import TLS
import Tunnel

/// The traffic manager's sockets: answers participants' calls, dials their tunnels, and relays what agents send.
///
/// Concurrency model: all links live on one event loop, and so do the table of links and every tunnel; a relay joins two
/// streams without a hop. Calls' handlers run in tasks and ask the actor.
package final class ManagerServer: Sendable {
    /// How long a workstation's dial to its own target may take; agents wait less.
    private static let relayTimeout = TimeAmount.seconds(5)
    /// What a workstation is told of an agent's request.
    private static let passedOn: Set<String> = ["tp-attachment", "tp-probe", "tp-volume", "tp-ticket", "tp-refused"]
    /// How long a link that a session has left may open tunnels.
    private static let moveGrace = TimeAmount.seconds(10)

    private let manager: TrafficManager
    private let judge: any AccessJudge
    private let credentials: ManagerCredentials
    private let eventLoop: any EventLoop
    private let links: NIOLoopBound<ManagerLinks>
    /// What became of tunnels; confined to the event loop.
    private let ledger = TunnelLedger()
    private let status: StatusService
    private let logger: Logger

    /// Makes it; must run on `eventLoop`.
    private init(
        _ manager: TrafficManager,
        _ judge: any AccessJudge,
        _ credentials: ManagerCredentials,
        _ eventLoop: any EventLoop,
        _ identity: (name: String, logs: LogStore),
        _ logger: Logger
    ) {
        self.manager = manager
        self.judge = judge
        self.credentials = credentials
        self.eventLoop = eventLoop
        self.logger = logger
        links = NIOLoopBound(ManagerLinks(), eventLoop: eventLoop)
        let access = ManagerStatus(manager: manager, links: links, ledger: ledger, eventLoop: eventLoop)
        status = StatusService(
            board: access.board(identity.name, identity.logs),
            access: access,
            logs: identity.logs
        )
    }

    /// Makes a server that does not listen yet.
    ///
    /// - Parameters:
    ///   - manager: decides everything.
    ///   - judge: says who participants are.
    ///   - credentials: what the server shows and issues, and whom it believes.
    ///   - eventLoop: where all links live.
    ///   - name: the pod, in the status.
    ///   - logs: what the status shows.
    ///   - logger: for what happens on links.
    /// - Returns: The server.
    /// - Throws: When the event loop is over.
    package static func make(
        manager: TrafficManager,
        judge: any AccessJudge,
        credentials: ManagerCredentials,
        eventLoop: any EventLoop,
        name: String = "",
        logs: LogStore = .shared,
        logger: Logger
    ) async throws -> ManagerServer {
        try await eventLoop.submit { ManagerServer(manager, judge, credentials, eventLoop, (name, logs), logger) }.get()
    }

    /// Listens; the channel's local address says where.
    package func listen(host: String, port: Int) async throws -> any Channel {
        let router = router
        return try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in
                do throws(DescriptorReserve.Exhausted) {
                    try DescriptorReserve.check(channel)
                } catch {
                    refused(error)
                    return channel.eventLoop.makeFailedFuture(error)
                }
                var configuration = LinkConfiguration { [self] link in started(link, router) }
                // A little later than the diallers, whose probes are then enough for both sides.
                configuration.keepaliveIdle = .seconds(20)
                let link = Link.acceptTLS(on: channel, context: credentials.context, configuration: configuration)
                let peer = channel.remoteAddress?.description ?? "?"
                link.whenFailure { [self] error in
                    // What asks for TLS and fails is somebody's trouble; a probe that says nothing is not.
                    let level: Logger.Level = (error as? TLSError) == .closedDuringHandshake ? .debug : .warning
                    logger.log(level: level, "handshake failed", metadata: ["peer": "\(peer)", "error": "\(error)"])
                }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: host, port: port).get()
    }

    /// Says goodbye on every link; open tunnels may finish within `bound`, then all links are closed.
    package func drain(within bound: Duration = .zero) async {
        await manager.drain()
        let links = links
        _ = try? await eventLoop.submit {
            for link in links.value.all { link.drain() }
        }.get()
        let end = ContinuousClock.now + bound
        while ContinuousClock.now < end {
            let open = try? await eventLoop.submit { links.value.all.count }.get()
            guard let open, open > 0 else { return }
            try? await Task.sleep(for: .milliseconds(20))
        }
        guard bound > .zero else { return }
        _ = try? await eventLoop.submit {
            for link in links.value.all { link.close() }
        }.get()
    }

    // MARK: links

    /// A connection found no descriptor left; said once in a while, as those who are refused come again.
    private func refused(_ error: DescriptorReserve.Exhausted) {
        guard links.value.mayComplain(at: .now()) else { return }
        logger.error("connections refused", metadata: ["reason": "\(error)"])
    }

    private func started(_ link: Link, _ router: CallRouter) {
        let table = links.value
        table.opened(link)
        link.onClose = { [weak link, logger, manager] reason in
            guard let link else { return }
            logger.debug("link closed", metadata: ["reason": "\(reason)"])
            if let session = table.closed(link) {
                let sequence = table.nextSequence()
                Task { await manager.reverseLink(of: session, isUp: false, sequence: sequence) }
            }
        }
        guard link.role == .server else { return admit(link) }
        let tunnels = TunnelServer(eventLoop: eventLoop, ledger: ledger) { [weak link, self] request, answer in
            guard let link else { return answer(.refuse(.linkLost)) }
            answer(route(request, from: link))
        }
        link.onStream = { stream, fields, _ in
            if router.handle(stream, fields) || tunnels.handle(stream, fields) { return }
            stream.sendHeaders([HeaderField(":status", "404")], endStream: true)
        }
    }

    /// Takes a reverse link whose certificate is that of a session, and says so; any other is told why not.
    private func admit(_ link: Link) {
        let certificate = link.peerCertificate
        Task { [self] in
            var verdict = LinkVerdict()
            do throws(ManagerFailure) {
                let session = try await session(of: certificate)
                verdict.sessionID = session
                let sequence = await onLoop { table in
                    table.setReverse(link, for: session) ? table.nextSequence() : nil
                }
                guard let sequence else { return }
                await manager.reverseLink(of: session, isUp: true, sequence: sequence)
                logger.debug("reverse link", metadata: ["session": "\(session)"])
            } catch {
                verdict.code = error.code.rawValue
                verdict.message = error.message
                logger.warning("reverse link refused", metadata: ["error": "\(error)"])
            }
            do {
                _ = try await CallClient(link: link).unary(WorkstationCalls.admit, verdict, timeout: .seconds(10))
                if verdict.code == 0 { return }
            } catch {
                logger.warning("reverse link lost", metadata: ["error": "\(error)"])
            }
            eventLoop.execute { link.close() }
        }
    }

    /// The session that a certificate names, which must be there.
    private func session(of certificate: PeerCertificate?) async throws(ManagerFailure) -> String {
        guard let certificate else {
            throw ManagerFailure(.unauthenticated, "a reverse link needs the session's certificate, and shows none")
        }
        guard credentials.issuer(of: certificate) == .manager, let name = CertificateName(certificate) else {
            throw Self.strange(certificate)
        }
        switch name {
        case .session(let id):
            if await manager.principal(of: id) != nil { return id }
        case .agent(let principal):
            // An agent is known by its pod; a pod of the same name that came later is another.
            guard case .agent(let namespace, let pod, _, _) = principal else { throw Self.strange(certificate) }
            if let id = await manager.agent(namespace: namespace, pod: pod, as: principal) { return id }
        case .manager:
            throw Self.strange(certificate)
        }
        throw ManagerFailure(.unauthenticated, "the certificate is that of a session that is over")
    }

    private static func strange(_ certificate: PeerCertificate) -> ManagerFailure {
        let name = certificate.commonName ?? "nobody"
        return ManagerFailure(.unauthenticated, "the certificate of \(name) is not that of a session")
    }

    private func onLoop<Value: Sendable>(_ body: @escaping @Sendable (ManagerLinks) -> Value?) async -> Value? {
        (try? await eventLoop.submit { [self] in body(links.value) }.get()) ?? nil
    }

    // MARK: tunnels

    private func route(_ request: TunnelRequest, from link: Link) -> TunnelServer.Route {
        guard let owner = links.value.owner(of: link) else { return .refuse(.policy) }
        guard let session = request.value("tp-session") else {
            // Only workstations use the manager as their way into the cluster.
            return owner.isClient ? .dial(request.destination) : .refuse(.policy)
        }
        let attachment = request.value("tp-attachment") ?? ""
        guard manager.permissions.permits(attachment: attachment, session: session, agent: owner.session) else {
            return .refuse(.policy)
        }
        guard let workstation = links.value.reverse(of: session) else { return .refuse(.unreachable) }
        return .relay(
            TunnelDialler(link: workstation, eventLoop: eventLoop),
            request.destination,
            fields: request.fields.filter { Self.passedOn.contains($0.name) },
            timeout: Self.relayTimeout
        )
    }

    // MARK: calls

    private var router: CallRouter {
        var router = CallRouter()
        router.unary(ManagerCalls.version) { _, _ in
            VersionInfo(version: ProductVersion.text, name: "traffic-manager")
        }
        router.unary(ManagerCalls.listWorkloads) { [self] request, context in
            do throws(ManagerFailure) {
                try await demand(request.sessionID, on: context.link)
                return WorkloadList(workloads: try await manager.workloads(request))
            } catch {
                throw CallStatus(error)
            }
        }
        router.unary(ManagerCalls.removeAgents) { [self] request, context in
            do throws(ManagerFailure) {
                try await demand(request.sessionID, on: context.link)
                return try await manager.removeAgents(request)
            } catch {
                throw CallStatus(error)
            }
        }
        router.bidirectional(ManagerCalls.session) { [self] requests, writer, context in
            try await session(requests, writer, context.link)
        }
        status.register(on: &router)
        return router
    }

    /// A workstation's session may be named on its own links alone: its id is no secret.
    private func demand(_ session: String, on link: Link) async throws(ManagerFailure) {
        let owner = await onLoop { $0.owner(of: link) }
        guard let owner, owner.isClient, owner.session == session else {
            throw ManagerFailure(.unauthenticated, "no such session on this link")
        }
    }

    /// What is counted on the links, for metrics.
    package struct Figures: Sendable {
        package var tunnels = 0
        package var calls = 0
        /// Bytes from workstations, bytes to them.
        package var bytes: (ingress: UInt64, egress: UInt64) = (0, 0)
    }

    /// The figures at present.
    package func figures() async -> Figures {
        let links = links
        let figures = try? await eventLoop.submit {
            var figures = Figures()
            for link in links.value.all {
                let tunnels = link.tunnelCount
                // What a relay opens on a workstation's reverse link was counted where it came in.
                if link.role == .server { figures.tunnels += tunnels }
                figures.calls += link.streamCount - tunnels
            }
            let bytes = links.value.clientBytes
            figures.bytes = (bytes.in, bytes.out)
            return figures
        }.get()
        return figures ?? Figures()
    }

    private func session(
        _ requests: CallMessages<ParticipantMessage>,
        _ writer: CallWriter<ManagerMessage>,
        _ link: Link
    ) async throws {
        guard case .hello(let hello)? = try await requests.next() else {
            throw CallStatus(.invalidArgument, "the first message must be a hello")
        }
        let certificate = try await eventLoop.submit { link.peerCertificate }.get()
        let participant = ParticipantIdentity(hello: hello, certificate: certificate, credentials: credentials)
        let joined: JoinedSession
        let principal: Principal
        var issued: IssuedCertificate?
        do throws(ManagerFailure) {
            principal = try await judge.identify(participant.evidence(known: manager))
            joined = try await manager.join(hello, as: principal)
        } catch {
            throw CallStatus(error)
        }
        do throws(ManagerFailure) {
            issued = try participant.certificate(session: joined.id, principal, publicKey: hello.publicKey)
        } catch {
            await manager.linkLost(joined)
            throw CallStatus(error)
        }
        let owner = ManagerLinks.Owner(session: joined.id, isClient: hello.kind == .client)
        _ = try? await eventLoop.submit { [self] in links.value.bind(link, to: owner) }.get()
        let expiry = SessionExpiry(eventLoop) {
            Task {
                // What ends the call may overtake its status.
                let words = "the session's certificate has expired and was not renewed"
                let code = ManagerFailure.Code.unauthenticated.rawValue
                try? await writer.send(.renewal(Renewal(code: code, message: words)))
                requests.cancel()
            }
        }
        defer { expiry.stop() }
        if issued != nil { expiry.move(to: .seconds(credentials.lifetime)) }
        joined.end.whenOver { [eventLoop, links] in
            if joined.end.isCut { eventLoop.execute { links.value.cut(link, of: joined.id) } }
            requests.cancel()
        }
        // Of tasks there are as few as can be: a manager has many thousand sessions, and most of them do nothing.
        await withTaskGroup(of: Void.self) { [issued] group in
            group.addTask {
                for await message in joined.outbound {
                    var message = message
                    if case .welcome(var welcome) = message {
                        welcome.certificate = issued
                        message = .welcome(welcome)
                    }
                    do { try await writer.send(message) } catch { break }
                }
                requests.cancel()
            }
            var renew: AsyncStream<RenewRequest>.Continuation?
            while let message = try? await requests.next() {
                guard case .renew(let request) = message else {
                    await manager.take(message, from: joined)
                    continue
                }
                if renew == nil {
                    let made = AsyncStream.makeStream(of: RenewRequest.self, bufferingPolicy: .bufferingNewest(1))
                    renew = made.continuation
                    // The judge may be slow; meanwhile the session goes on.
                    group.addTask { [judge, manager] in
                        for await request in made.stream {
                            let (answer, proven) = await participant.renew(
                                request,
                                judge,
                                session: joined.id,
                                as: principal
                            )
                            if let proven { await manager.renewed(joined, as: proven) }
                            if answer.certificate != nil { expiry.move(to: .seconds(self.credentials.lifetime)) }
                            do { try await writer.send(.renewal(answer)) } catch { return }
                        }
                    }
                }
                renew?.yield(request)
            }
            group.cancelAll()
        }
        let moved = await manager.isElsewhere(joined)
        await manager.linkLost(joined)
        // A session that goes on elsewhere may just be opening tunnels on the link that it leaves.
        eventLoop.scheduleTask(in: moved ? Self.moveGrace : .zero) { [self] in
            links.value.unbind(link, from: joined.id)
        }
        throw CallStatus(.unavailable, "the session's link has ended")
    }
}

extension CallStatus {
    /// A failure of the traffic manager as a status; the numbers are the same.
    init(_ failure: ManagerFailure) {
        self.init(CallCode(rawValue: failure.code.rawValue) ?? .unknown, failure.message)
    }
}
