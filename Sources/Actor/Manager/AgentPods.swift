package import Message

/// Which agents are in which pods, and which of these pods are on their way out, as the cluster says.
///
/// Pure; time comes as an argument. A pod's name says little: a StatefulSet's pod comes again under the same name, and news of
/// the former one may come after its successor's agent. So a pod is told by its uid, which an agent proves with its token, or
/// by its address where agents prove nothing. News never say that an agent is gone, they only make it doubtful: then the
/// cluster is asked for that one pod, and what it answers counts (``isGone(_:_:)``). So nothing that comes late or out of order,
/// and no gap in a watch, ends an agent that is there.
///
/// News cost what they concern, the agents of one pod; only a list of all pods is held against all agents.
package struct AgentPods: Sendable {
    /// What news lead to.
    package struct Outcome: Sendable, Equatable {
        /// Sessions of agents whose pod is on its way out, or after all is not.
        package var marks: [String: Bool] = [:]
        /// Sessions of agents whose pod may be gone.
        package var doubtful: Set<String> = []

        package init(marks: [String: Bool] = [:], doubtful: Set<String> = []) {
            self.marks = marks
            self.doubtful = doubtful
        }
    }

    private struct Agent: Sendable {
        let place: SeenPod.Place
        /// Empty where it has proven nothing.
        let uid: String
        let address: String
        var isLeaving = false

        func isIn(_ pod: SeenPod) -> Bool {
            if !uid.isEmpty { return uid == pod.uid }
            return address.isEmpty || pod.addresses.isEmpty || pod.addresses.contains(address)
        }
    }

    /// How long it is remembered that a pod was watched no longer: an agent that was between two links comes within that.
    private static let memory = Duration.seconds(600)

    private var agents: [String: Agent] = [:]
    private var sessions: [SeenPod.Place: Set<String>] = [:]
    /// Pods on their way out, whether their agents are there or not.
    private var leaving: [SeenPod.Place: SeenPod] = [:]
    /// Pods that are watched no longer, by uid, and since when.
    private var unseen: [String: ContinuousClock.Instant] = [:]

    package init() {}

    /// Where the pod of an agent is.
    package func place(of session: String) -> SeenPod.Place? { agents[session]?.place }

    /// The sessions of the agents in pods of this name; those in pods that are on their way out come last.
    package func sessions(at place: SeenPod.Place) -> [String] {
        let all = (sessions[place] ?? []).sorted()
        return all.filter { agents[$0]?.isLeaving == false } + all.filter { agents[$0]?.isLeaving == true }
    }

    /// An agent is there.
    package mutating func joined(_ session: String, _ hello: AgentHello, as principal: Principal) -> Outcome {
        left(session)
        var agent = Agent(
            place: SeenPod.Place(namespace: hello.namespace, name: hello.podName),
            uid: principal.podUID,
            address: hello.podIP
        )
        agent.isLeaving = leaving[agent.place].map(agent.isIn) ?? false
        agents[session] = agent
        sessions[agent.place, default: []].insert(session)
        return Outcome(
            marks: agent.isLeaving ? [session: true] : [:],
            doubtful: unseen[agent.uid] == nil ? [] : [session]
        )
    }

    /// An agent is gone.
    package mutating func left(_ session: String) {
        guard let agent = agents.removeValue(forKey: session) else { return }
        sessions[agent.place]?.remove(session)
        if sessions[agent.place]?.isEmpty == true { sessions[agent.place] = nil }
    }

    /// Takes news.
    package mutating func take(_ news: PodNews, now: ContinuousClock.Instant) -> Outcome {
        var outcome = Outcome()
        switch news {
        case .seen(let pod): see(pod, &outcome)
        case .unseen(let pod):
            if leaving[pod.place]?.uid == pod.uid { leaving[pod.place] = nil }
            unseen[pod.uid] = now
            outcome.doubtful.formUnion((sessions[pod.place] ?? []).filter { agents[$0]?.isIn(pod) == true })
        case .all(let pods, let namespace):
            leaving = leaving.filter { namespace != nil && $0.key.namespace != namespace }
            for pod in pods { see(pod, &outcome) }
            let present = Set(pods.map(\.place))
            for (session, agent) in agents where namespace == nil || agent.place.namespace == namespace {
                if !present.contains(agent.place) { outcome.doubtful.insert(session) }
            }
        }
        return outcome
    }

    private mutating func see(_ pod: SeenPod, _ outcome: inout Outcome) {
        leaving[pod.place] = pod.isLeaving ? pod : nil
        for session in sessions[pod.place] ?? [] {
            guard let agent = agents[session] else { continue }
            guard agent.isIn(pod), !pod.isOver else {
                // Two pods never have one name at once; which of these is the present one is to be asked.
                outcome.doubtful.insert(session)
                continue
            }
            if agent.isLeaving != pod.isLeaving { mark(session, pod.isLeaving, &outcome) }
        }
    }

    private mutating func mark(_ session: String, _ isLeaving: Bool, _ outcome: inout Outcome) {
        agents[session]?.isLeaving = isLeaving
        outcome.marks[session] = isLeaving
    }

    /// Whether an agent's pod is gone, when the cluster has been asked for the pod of its name.
    ///
    /// - Parameters:
    ///   - session: the agent's.
    ///   - pod: what is there now; nil where nothing is.
    /// - Returns: True where that is no pod in which the agent could be.
    package func isGone(_ session: String, _ pod: SeenPod?) -> Bool {
        guard let agent = agents[session] else { return false }
        guard let pod else { return true }
        return !agent.isIn(pod) || pod.isOver
    }

    /// An agent that was doubtful is there; its pod is this one.
    ///
    /// That it is on its way out is believed; that it is not may be older than what the watch has said meanwhile.
    package mutating func confirmed(_ session: String, _ pod: SeenPod) -> Outcome {
        var outcome = Outcome()
        if pod.isLeaving, agents[session]?.isLeaving == false { mark(session, true, &outcome) }
        return outcome
    }

    /// Forgets what is of no use any more.
    ///
    /// To be called now and then.
    package mutating func expire(now: ContinuousClock.Instant) {
        unseen = unseen.filter { $0.value.duration(to: now) < Self.memory }
    }
}

extension Principal {
    /// The uid of an agent's pod; empty where it is not proven.
    fileprivate var podUID: String {
        if case .agent(_, _, let uid, _) = self { uid } else { "" }
    }
}
