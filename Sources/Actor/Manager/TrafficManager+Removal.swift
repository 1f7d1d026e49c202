import Logging
package import Message

/// Taking agents away again.
extension TrafficManager {
    /// Replaces the pods of workloads by pods without an agent, as gently as agents are brought.
    ///
    /// - Parameter request: which workloads; the session must be live.
    /// - Returns: The workloads that have no agent any more, and why the others have.
    /// - Throws: `unauthenticated` without a session, and what the judge says.
    package func removeAgents(_ request: RemoveAgentsRequest) async throws(ManagerFailure) -> RemoveAgentsResult {
        guard let session = registry[request.sessionID], let client = session.hello.client else {
            throw ManagerFailure(.unauthenticated, "no such session")
        }
        let namespace = request.namespace.isEmpty ? client.namespace : request.namespace
        try await judge.mayAttach(session.principal, namespace: namespace)
        let all = try await cluster.workloads(namespace: namespace)
        var chosen: [WorkloadFacts] = []
        var result = RemoveAgentsResult()
        if request.all {
            let served = machine.workloadsWithAgents
            chosen = all.filter { served.contains($0.key) }
        }
        for name in request.workloads {
            chosen.append(try AttachmentResolver.workload(name, namespace: namespace, among: all))
        }
        for workload in chosen.sorted(by: { $0.key.name < $1.key.name }) {
            let name = "\(workload.key.kind.lowercased())/\(workload.key.name)"
            do throws(ManagerFailure) {
                try await removeAgents(from: workload)
                result.removed.append(name)
            } catch {
                result.problems.append("\(name): \(error.message)")
            }
        }
        return result
    }

    private func removeAgents(from workload: WorkloadFacts) async throws(ManagerFailure) {
        if let holder = machine.attachments(of: workload.key).first {
            throw ManagerFailure(
                .conflict,
                "it is \(holder.spec.kind.past) by \(holder.owner) as \(holder.spec.name); leave that first"
            )
        }
        guard !workload.asksForAgent else {
            throw ManagerFailure(
                .precondition,
                "the annotation telepresence.io/inject-traffic-agent of its pod template asks for an agent"
            )
        }
        if workload.manner == .never {
            throw ManagerFailure(
                .precondition,
                "its agents run as ephemeral containers, which stay until their pods go"
            )
        }
        unwant(workload.key)
        desk.idleSince[workload.key] = nil
        do throws(ManagerFailure) {
            try await replacePods(of: workload, goal: .noAgent, manner: workload.manner)
        } catch {
            // What has an agent yet keeps it when its pod is made anew.
            if !machine.pods(of: workload.key).isEmpty { want(workload.key) }
            throw error
        }
    }

    /// Takes the agents of workloads away that nobody has attached to for a while.
    ///
    /// To be called now and then.
    ///
    /// - Parameter limit: how long agents may be idle.
    package func removeIdleAgents(after limit: Duration) async {
        let now = ContinuousClock.now
        let served = machine.workloadsWithAgents
        let busy = served.filter { !machine.attachments(of: $0).isEmpty }
        desk.idleSince = desk.idleSince.filter { served.contains($0.key) && !busy.contains($0.key) }
        for key in served where !busy.contains(key) && desk.idleSince[key] == nil { desk.idleSince[key] = now }
        let due = desk.idleSince.filter { $0.value.duration(to: now) >= limit && desk.running[$0.key] == nil }.keys
        for namespace in Set(due.map(\.namespace)) {
            guard let all = try? await cluster.workloads(namespace: namespace) else { continue }
            for workload in all where due.contains(workload.key) && desk.idleSince[workload.key] != nil {
                // Asked for again at the next expiry, should it fail.
                desk.idleSince[workload.key] = ContinuousClock.now
                guard !workload.asksForAgent else { continue }
                if workload.manner == .never { continue }
                logger.info("removing idle agents", metadata: ["workload": "\(workload.key)"])
                Task {
                    do throws(ManagerFailure) {
                        try await self.removeAgents(from: workload)
                    } catch {
                        self.logger.warning(
                            "idle agents stay",
                            metadata: ["workload": "\(workload.key)", "reason": "\(error.message)"]
                        )
                    }
                }
            }
        }
    }
}
