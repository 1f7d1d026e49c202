import Logging
import Message

/// Agents whose pods go.
///
/// While a pod is being deleted its agent serves on, and is told of everything; but nobody waits for it or turns to it where there
/// is another. When the pod is gone so is its agent, even if its link does not say so: where a node or a network ends, nothing
/// closes the connection.
extension TrafficManager {
    /// Takes what the cluster says of the pods that have agents.
    package func take(_ news: PodNews) {
        act(on: pods.take(news, now: clock.now))
    }

    func act(on outcome: AgentPods.Outcome) {
        for (session, isLeaving) in outcome.marks { deliver(machine.agentLeaves(session, isLeaving)) }
        guard !outcome.doubtful.isEmpty else { return }
        // One after the other: a list after a long gap may leave many in doubt.
        Task {
            for session in outcome.doubtful.sorted() { await self.ask(after: session) }
        }
    }

    /// Finds out whether an agent's pod is there, for as long as the agent is.
    func ask(after session: String) async {
        var backoff = Backoff()
        while let place = pods.place(of: session) {
            do throws(ManagerFailure) {
                let pod = try await cluster.pod(at: place)
                if pods.isGone(session, pod) { return end(goneWith: place, session) }
                if let pod { act(on: pods.confirmed(session, pod)) }
                return
            } catch {
                logger.debug("pod", metadata: ["name": "\(place.name)", "error": "\(error.message)"])
                guard [.unavailable, .timeout, .exhausted].contains(error.code) else { return }
                try? await Task.sleep(for: backoff.next(Double.random(in: 0..<1)))
            }
        }
    }

    private func end(goneWith place: SeenPod.Place, _ session: String) {
        logger.info(
            "agent gone with its pod",
            metadata: ["id": "\(session)", "pod": "\(place.namespace)/\(place.name)"]
        )
        // What others serve too becomes theirs first.
        deliver(machine.agentLeaves(session))
        cut(session)
        forget(session, reason: "its pod is gone")
    }

    /// The session of an agent, by its pod.
    ///
    /// - Parameters:
    ///   - namespace: the pod's.
    ///   - pod: its name, which one may have had before it.
    ///   - principal: whom the agent has proven to be; nil where that does not matter.
    /// - Returns: The session, if it has a link; of two the one whose pod stays.
    package func agent(namespace: String, pod: String, as principal: Principal? = nil) -> String? {
        pods.sessions(at: SeenPod.Place(namespace: namespace, name: pod)).first { id in
            guard let session = registry[id], session.isLinked else { return false }
            return principal.map(session.principal.isSame) ?? true
        }
    }
}
