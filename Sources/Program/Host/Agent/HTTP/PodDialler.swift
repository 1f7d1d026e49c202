import Actor
import HTTP2
import NIOCore
import NIOPosix
import Tunnel

/// Dials the app of a pod, and workstations over the agent's tunnels.
final class PodDialler: UpstreamDialler {
    /// Nil where nobody is behind the agent: its container is replaced.
    private let appHost: String?
    private let appPort: UInt16
    /// The app's address; nil where the host is a name.
    private let appAddress: SocketAddress?
    private let agent: TrafficAgent
    private let link: AgentLink
    private let patience: TimeAmount

    /// Dials `appPort` on `appHost`; workstations have so long to answer.
    init(appHost: String?, appPort: UInt16, agent: TrafficAgent, link: AgentLink, patience: TimeAmount) {
        self.appHost = appHost
        self.appPort = appPort
        appAddress = appHost.flatMap { try? SocketAddress(ipAddress: $0, port: Int(appPort)) }
        self.agent = agent
        self.link = link
        self.patience = patience
    }

    func dialApp(then completion: @escaping (Result<any Channel, any Error>) -> Void) {
        guard let appHost else {
            return link.eventLoop.assumeIsolated().execute { completion(.failure(ChannelError.connectPending)) }
        }
        let bootstrap = TunnelSocket.bootstrap(link.eventLoop, timeout: .seconds(10))
        let dialled =
            if let appAddress {
                bootstrap.connect(to: appAddress)
            } else {
                bootstrap.connect(host: appHost, port: Int(appPort))
            }
        dialled.assumeIsolated().whenComplete(completion)
    }

    func hasWay(to target: AgentRoutes.Target) -> Bool { link.hasWay(to: target) }

    func dialWorkstation(
        _ target: AgentRoutes.Target,
        then completion: @escaping (Result<any Channel, DialFailure>) -> Void
    ) {
        link.openTCP(to: target, within: patience) { [self] result in
            link.counts.tunnels.took(result, WorkstationFields.destination(target))
            if case .failure(.timeout) = result { agent.assumeIsolated { $0.unanswered(target.attachmentID) } }
            completion(result.map { TunnelChannel.open($0) })
        }
    }
}
