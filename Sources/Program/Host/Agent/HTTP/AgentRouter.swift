import Actor
import HTTPFilter

/// Asks the traffic agent where the requests to a port go.
///
/// The agent's executor is the loop, so that this is a call.
final class AgentRouter: RequestRouter {
    private let agent: TrafficAgent
    private let port: AgentRoutes.Port

    init(_ agent: TrafficAgent, _ port: AgentRoutes.Port) {
        self.agent = agent
        self.port = port
    }

    var standing: RequestDestination? {
        switch agent.assumeIsolated({ [port] in $0.route(port) }) {
        case .app: .app
        case .workstation(let target): .workstation(target)
        }
    }

    func destination(of head: HeadView) -> RequestDestination { standing ?? .app }
}
