import Actor
import Call
import HTTP2
import Logging
import Message
import NIOCore
import NIOPosix
import TLS
import Tunnel

/// Where workstations link directly to an agent: a port on the pod's loopback address, which a port-forward leads to.
///
/// A link is taken when it shows the certificate of a session that has an attachment at this agent. Concurrency model:
/// confined to the agent's event loop, but for ``listen(avoiding:)``, and for the tasks that say the verdict.
final class DirectDoor: @unchecked Sendable {
    // @unchecked: `ways` and `links` are touched on `eventLoop` only, everything else is constant.
    /// Where it listens: below what systems give to outgoing connections, and below the agent's other ports.
    static let ports = 9850...9899
    /// How long a link that is not trusted waits for the answer to a probe, and until the next one.
    private static let probeTime = TimeAmount.seconds(2)
    /// How long the workstation may take to hear the verdict.
    private static let verdictTime = Duration.seconds(10)
    /// The least time that a tunnel over a direct link is given before the manager's relay is tried.
    static let leastPatience = TimeAmount.milliseconds(350)

    let eventLoop: any EventLoop
    private let credential: SessionCredential
    private let agent: TrafficAgent
    private let leastPatience: TimeAmount
    private let logger: Logger
    private var ways = DirectWays<UInt64>()
    private var links: [UInt64: (link: Link, session: String)] = [:]

    init(
        eventLoop: any EventLoop,
        credential: SessionCredential,
        agent: TrafficAgent,
        leastPatience: TimeAmount = DirectDoor.leastPatience,
        logger: Logger
    ) {
        self.eventLoop = eventLoop
        self.credential = credential
        self.agent = agent
        self.leastPatience = leastPatience
        self.logger = logger
    }

    /// Listens on the first port that is free.
    ///
    /// - Parameters:
    ///   - ports: Which to try.
    ///   - used: Ports that the app is known to want.
    /// - Returns: The listener; nil when no port is free: then everything goes through the manager.
    func listen(
        _ ports: some Sequence<Int> = DirectDoor.ports,
        avoiding used: Set<Int> = []
    ) async -> (any Channel)? {
        let bootstrap = ServerBootstrap(group: eventLoop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in
                accept(channel)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
        for port in ports where !used.contains(port) {
            if let channel = try? await bootstrap.bind(host: "127.0.0.1", port: port).get() { return channel }
        }
        logger.warning("no port is free for direct links")
        return nil
    }

    // MARK: links

    private func accept(_ channel: any Channel) {
        let context: TLSContext
        do throws(TLSError) {
            guard let made = try credential.acceptingContext(alpn: Link.reverse) else {
                // Who comes so early comes again.
                return channel.close(promise: nil)
            }
            context = made
        } catch {
            logger.warning("no direct links", metadata: ["reason": "\(error)"])
            return channel.close(promise: nil)
        }
        let configuration = LinkConfiguration { [self] link in started(link) }
        Link.acceptTLS(on: channel, context: context, configuration: configuration).whenFailure { [logger] error in
            let level: Logger.Level = (error as? TLSError) == .closedDuringHandshake ? .debug : .warning
            logger.log(level: level, "direct link: handshake failed", metadata: ["error": "\(error)"])
        }
    }

    /// On the loop.
    private func started(_ link: Link) {
        var verdict = LinkVerdict()
        if let certificate = link.peerCertificate, case .session(let id)? = CertificateName(certificate) {
            verdict.sessionID = id
            if !agent.assumeIsolated({ $0.sessions }).contains(id) {
                verdict.code = UInt32(CallCode.failedPrecondition.rawValue)
                verdict.message = "the session has no attachment at this agent"
            }
        } else {
            verdict.code = UInt32(CallCode.unauthenticated.rawValue)
            verdict.message = "the certificate is not that of a workstation's session"
        }
        // When the workstation hears it, the link is in use already.
        if verdict.code == 0 { admit(link, of: verdict.sessionID) }
        let bound = NIOLoopBound(link, eventLoop: eventLoop)
        Task { [verdict] in await say(verdict, to: bound) }
    }

    private func say(_ verdict: LinkVerdict, to bound: NIOLoopBound<Link>) async {
        do {
            let client = try await eventLoop.submit { CallClient(link: bound.value) }.get()
            _ = try await client.unary(WorkstationCalls.admit, verdict, timeout: Self.verdictTime)
            guard verdict.code == 0 else {
                logger.info(
                    "direct link refused",
                    metadata: ["session": "\(verdict.sessionID)", "reason": "\(verdict.message)"]
                )
                throw CallStatus(.cancelled, "refused")
            }
        } catch {
            eventLoop.execute { bound.value.close() }
        }
    }

    private func admit(_ link: Link, of session: String) {
        let number = link.number
        links[number] = (link, session)
        ways.admitted(number, of: session)
        link.onGoAway = { [self] in ways.lost(number) }
        link.onClose = { [self] reason in
            ways.lost(number)
            links[number] = nil
            logger.info("direct link ended", metadata: ["session": "\(session)", "reason": "\(reason)"])
        }
        logger.info("direct link", metadata: ["session": "\(session)"])
    }

    /// Takes nothing new on links of sessions that have no attachment here any more; what is open on them goes on.
    func tidy() {
        for number in ways.keep(only: agent.assumeIsolated { $0.sessions }) { links[number]?.link.drain() }
    }

    /// The links, for the status.
    var rows: [LinkStatus] {
        links.sorted { $0.key < $1.key }.map { _, entry in
            entry.link.measureRoundTrip(every: .seconds(5))
            return LinkStatus(entry.link, peer: "workstation", session: entry.session, transport: "direct")
        }
    }

    // MARK: tunnels

    /// A direct way for one tunnel.
    struct Way {
        let dialler: TunnelDialler
        /// How long it is waited for before another way is tried.
        let patience: TimeAmount
        fileprivate let number: UInt64
    }

    /// The direct way to a session's workstation for a tunnel that may take so long to be opened; nil where there is none.
    func way(to session: String, within patience: TimeAmount) -> Way? {
        guard let number = ways.preferred(for: session), let link = links[number]?.link, link.isOpen else { return nil }
        // An answer takes a round trip; a slow line is not a dead one.
        let usual = (link.roundTrip ?? .zero) * 3
        return Way(
            dialler: TunnelDialler(link: link, eventLoop: eventLoop),
            patience: min(patience, max(leastPatience, usual)),
            number: number
        )
    }

    /// No answer came over this way: it is not used before a probe has been answered.
    func unanswered(_ way: Way) {
        guard ways.unanswered(way.number) else { return }
        logger.warning("a direct link does not answer")
        probe(way.number)
    }

    private func probe(_ number: UInt64) {
        guard let link = links[number]?.link else { return }
        let began = NIODeadline.now()
        link.ping(timeout: Self.probeTime) { [self] trip in
            guard ways.probed(number, answered: trip != nil) else { return }
            eventLoop.assumeIsolated().scheduleTask(deadline: began + Self.probeTime) { [self] in probe(number) }
        }
    }
}
