package import Actor
import Call
import HTTP2
package import Logging
import Message
package import NIOCore
import NIOPosix
package import TLS
import Tunnel

/// The traffic manager's sockets: answers participants' calls, dials their tunnels, and relays what agents send.
///
/// Concurrency model: all links live on one event loop, and so do the table of links and every tunnel; a relay joins two
/// streams without a hop. Calls' handlers run in tasks and ask the actor.
package final class ManagerServer: Sendable {
    /// How long a workstation's dial to its own target may take; agents wait less.
    private static let relayTimeout = TimeAmount.seconds(5)

    private let manager: TrafficManager
    private let context: TLSContext
    private let eventLoop: any EventLoop
    private let links: NIOLoopBound<ManagerLinks>
    private let logger: Logger

    /// Makes it; must run on `eventLoop`.
    private init(_ manager: TrafficManager, _ context: TLSContext, _ eventLoop: any EventLoop, _ logger: Logger) {
        self.manager = manager
        self.context = context
        self.eventLoop = eventLoop
        self.logger = logger
        links = NIOLoopBound(ManagerLinks(), eventLoop: eventLoop)
    }

    /// Makes a server that presents `identity`.
    package static func make(
        manager: TrafficManager,
        identity: TLSIdentity,
        eventLoop: any EventLoop,
        logger: Logger
    ) async throws -> ManagerServer {
        let context = try TLSContext.server(
            identity: identity,
            clientTrust: nil,
            requireClientCertificate: false,
            alpn: [Link.forward, Link.reverse],
            minimumVersion: .v1_3
        )
        return try await eventLoop.submit { ManagerServer(manager, context, eventLoop, logger) }.get()
    }

    /// Listens; the channel's local address says where.
    package func listen(host: String, port: Int) async throws -> any Channel {
        let router = router
        return try await ServerBootstrap(group: eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { [self] channel in
                let configuration = LinkConfiguration { [self] link in started(link, router) }
                let link = Link.acceptTLS(on: channel, context: context, configuration: configuration)
                link.whenFailure { [self] error in
                    logger.debug("handshake", metadata: ["error": "\(error)"])
                }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: host, port: port).get()
    }

    /// Says goodbye on every link; open tunnels may finish.
    package func drain() async {
        await manager.drain()
        _ = try? await eventLoop.submit { [self] in
            for link in links.value.all { link.drain() }
        }.get()
    }

    // MARK: links

    private func started(_ link: Link, _ router: CallRouter) {
        let table = links.value
        table.opened(link)
        link.onClose = { [weak link, logger, manager] reason in
            guard let link else { return }
            logger.debug("link closed", metadata: ["reason": "\(reason)"])
            for session in table.closed(link) {
                let sequence = table.nextSequence()
                Task { await manager.reverseLink(of: session, isUp: false, sequence: sequence) }
            }
        }
        guard link.role == .server else { return identify(link) }
        let tunnels = TunnelServer(eventLoop: eventLoop) { [weak link, self] request, answer in
            guard let link else { return answer(.refuse(.linkLost)) }
            answer(route(request, from: link))
        }
        link.onStream = { stream, fields, _ in
            if router.handle(stream, fields) || tunnels.handle(stream, fields) { return }
            stream.sendHeaders([HeaderField(":status", "404")], endStream: true)
        }
    }

    /// Asks who has dialled a reverse link; only the owner of a session knows its secret.
    private func identify(_ link: Link) {
        Task { [self] in
            do {
                let client = CallClient(link: link)
                let identity = try await client.unary(WorkstationCalls.identify, Empty(), timeout: .seconds(10))
                guard await manager.proves(identity) else { throw CallStatus(.unauthenticated, "wrong secret") }
                let sequence = try await eventLoop.submit { [self] in
                    let table = links.value
                    return table.setReverse(link, for: identity.sessionID) ? table.nextSequence() : nil
                }.get()
                guard let sequence else { return }
                await manager.reverseLink(of: identity.sessionID, isUp: true, sequence: sequence)
                logger.debug("reverse link", metadata: ["session": "\(identity.sessionID)"])
            } catch {
                logger.warning("reverse link refused", metadata: ["error": "\(error)"])
                eventLoop.execute { link.close() }
            }
        }
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
            fields: request.fields.filter { ["tp-attachment", "tp-probe"].contains($0.name) },
            timeout: Self.relayTimeout
        )
    }

    // MARK: calls

    private var router: CallRouter {
        var router = CallRouter()
        router.unary(ManagerCalls.version) { _, _ in
            VersionInfo(version: ProductVersion.text, name: "traffic-manager")
        }
        router.unary(ManagerCalls.listWorkloads) { [manager] request, _ in
            do throws(ManagerFailure) {
                return WorkloadList(workloads: try await manager.workloads(request))
            } catch {
                throw CallStatus(error)
            }
        }
        router.bidirectional(ManagerCalls.session) { [self] requests, writer, context in
            try await session(requests, writer, context.link)
        }
        return router
    }

    private func session(
        _ requests: CallMessages<ParticipantMessage>,
        _ writer: CallWriter<ManagerMessage>,
        _ link: Link
    ) async throws {
        guard case .hello(let hello)? = try await requests.next() else {
            throw CallStatus(.invalidArgument, "the first message must be a hello")
        }
        let joined: JoinedSession
        do throws(ManagerFailure) {
            joined = try await manager.join(hello, as: .unproven)
        } catch {
            throw CallStatus(error)
        }
        let owner = ManagerLinks.Owner(session: joined.id, isClient: hello.kind == .client)
        _ = try? await eventLoop.submit { [self] in links.value.bind(link, to: owner) }.get()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await message in joined.outbound {
                    do { try await writer.send(message) } catch { return }
                }
            }
            group.addTask { [manager] in
                while let message = try? await requests.next() { await manager.take(message, from: joined) }
            }
            group.addTask {
                for await _ in joined.ended {}
            }
            await group.next()
            group.cancelAll()
        }
        await manager.linkLost(joined)
        _ = try? await eventLoop.submit { [self] in links.value.unbind(link, from: joined.id) }.get()
        throw CallStatus(.unavailable, "the session's link has ended")
    }
}

extension CallStatus {
    /// A failure of the traffic manager as a status; the numbers are the same.
    init(_ failure: ManagerFailure) {
        self.init(CallCode(rawValue: failure.code.rawValue) ?? .unknown, failure.message)
    }
}
