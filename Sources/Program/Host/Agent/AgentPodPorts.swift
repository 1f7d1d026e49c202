import Actor
import HTTP2
import Logging
import Message
import NIOCore
import NIOPosix
import Tunnel

/// Joins ports of the pod with workstations (`--to-pod`): each connection on a tunnel that the agent opens.
///
/// The manager says who wants what; the agent serves nobody whose attachment it does not know itself. Concurrency model:
/// constant; tunnels and sockets live on the link's event loop.
final class AgentPodPorts: Sendable {
    /// How long the app may take to accept.
    private static let dialTime = TimeAmount.seconds(3)
    /// How long the workstation may take to accept the tunnel.
    private static let patience = TimeAmount.seconds(5)
    /// Silence after which a UDP flow is ended.
    private static let idle = TimeAmount.seconds(60)

    private let podAddress: String
    private let agent: TrafficAgent
    private let link: AgentLink
    private let logger: Logger

    /// Serves the ports of the pod with this address.
    init(podAddress: String, agent: TrafficAgent, link: AgentLink, logger: Logger) {
        self.podAddress = podAddress
        self.agent = agent
        self.link = link
        self.logger = logger
    }

    /// Does what the manager has passed on, if that is right.
    func take(_ order: PodPortRequest) async {
        guard await agent.holder(of: order.attachmentID) == order.sessionID else {
            logger.warning(
                "a port refused: the session has no such attachment here",
                metadata: ["attachment": "\(order.attachmentID)", "port": "\(order.port)"]
            )
            return
        }
        do {
            if order.protocol == .udp {
                try await datagrams(order)
            } else {
                let channel = try await dial(order.port)
                open(order) { stream in
                    Splice.join(channel, stream)
                } otherwise: {
                    channel.close(promise: nil)
                }
            }
        } catch {
            // The workstation is told at once.
            let refusal = HeaderField(name: "tp-refused", value: DialFailure(error).token)
            open(order, [refusal]) {
                $0.reset(.cancel)
            } otherwise: {
            }
        }
    }

    /// Most listen on all addresses or on the loopback's; some on the pod's alone.
    private func dial(_ port: UInt16) async throws -> any Channel {
        func dial(_ host: String) async throws -> any Channel {
            let destination = TunnelDestination(host: host, port: port)
            return try await TunnelSocket.dialTCP(destination, on: link.eventLoop, timeout: Self.dialTime).get()
        }
        do {
            return try await dial("127.0.0.1")
        } catch {
            return try await dial(podAddress)
        }
    }

    private func open(
        _ order: PodPortRequest,
        _ fields: [HeaderField] = [],
        then join: @escaping @Sendable (HTTP2Stream) -> Void,
        otherwise: @escaping @Sendable () -> Void
    ) {
        let (target, ticket) = Self.meeting(order)
        link.eventLoop.execute { [link] in
            link.openTCP(to: target, adding: [ticket] + fields, within: Self.patience) { result in
                if case .success(let stream) = result { join(stream) } else { otherwise() }
            }
        }
    }

    private func datagrams(_ order: PodPortRequest) async throws {
        let destination = TunnelDestination(host: "127.0.0.1", port: order.port)
        let channel = try await TunnelSocket.dialUDP(destination, on: link.eventLoop).get()
        let (target, ticket) = Self.meeting(order)
        link.eventLoop.execute { [link] in
            link.openUDP(to: target, adding: [ticket], within: Self.patience) { result in
                switch result {
                case .success(let tunnel): DatagramSplice.join(channel, tunnel, idle: Self.idle)
                case .failure: channel.close(promise: nil)
                }
            }
        }
    }

    private static func meeting(_ order: PodPortRequest) -> (AgentRoutes.Target, HeaderField) {
        (
            AgentRoutes.Target(podPortOf: order.attachmentID, session: order.sessionID),
            HeaderField(name: "tp-ticket", value: order.ticket)
        )
    }
}
