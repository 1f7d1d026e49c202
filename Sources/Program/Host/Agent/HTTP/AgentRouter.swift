import Actor
import HTTPFilter

/// Asks the traffic agent where the requests to a port go.
///
/// The agent's executor is the loop, so that this is a call; who is to be asked is kept until the routes change.
final class AgentRouter: RequestRouter {
    private let agent: TrafficAgent
    private let port: AgentRoutes.Port
    private var isKnown = false
    private var candidates: [AgentRoutes.Candidate] = []
    private var route = AgentRoutes.Route.app

    init(_ agent: TrafficAgent, _ port: AgentRoutes.Port) {
        self.agent = agent
        self.port = port
    }

    var standing: RequestDestination? {
        refresh()
        return switch route {
        case .app: .app
        case .workstation(let target): .workstation(target)
        // Nobody's workstation answers: nothing is to be asked.
        case .filtered: candidates.isEmpty ? .app : nil
        }
    }

    func destination(of head: some RequestHead) -> RequestDestination {
        if let standing { return standing }
        let candidate = candidates.first { $0.matcher.matches(head) }
        return candidate.map { .workstation($0.target) } ?? .app
    }

    func routesChanged() { isKnown = false }

    private func refresh() {
        guard !isKnown else { return }
        isKnown = true
        (route, candidates) = agent.assumeIsolated { [port] in ($0.route(port), $0.candidates(port)) }
    }
}

extension HeadView: RequestHead {}
