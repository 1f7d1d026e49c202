import Actor
import HTTPFilter

/// Asks the traffic agent where the requests to a port go.
///
/// The agent's executor is the loop, so that this is a call; who is to be asked is kept until the routes change.
final class AgentRouter: RequestRouter {
    private let agent: TrafficAgent
    private let port: AgentRoutes.Port
    private var generation: UInt64?
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

    private func refresh() {
        let known = generation
        let news = agent.assumeIsolated { [port] agent -> Routes? in
            guard known != agent.generation else { return nil }
            return (agent.generation, agent.route(port), agent.candidates(port))
        }
        if let news { (generation, route, candidates) = news }
    }

    private typealias Routes = (UInt64?, AgentRoutes.Route, [AgentRoutes.Candidate])
}

extension HeadView: RequestHead {}
