import Logging
import Message

/// Containers that make way for a workstation, and get their place back.
extension TrafficManager {
    /// The containers of a workload that are to run in none of its new pods.
    package func replacedContainers(of workload: WorkloadKey) -> Set<String> {
        machine.replacedContainers(of: workload)
    }

    /// Ends a replacement gently: the container is back before the workstation gets no requests any more.
    func giveWay(_ attachment: Attachment, _ request: String, to session: String) {
        run(request, for: session) { manager in
            await manager.endReplacement(attachment.id, request, session)
        }
    }

    private func endReplacement(_ id: String, _ request: String, _ session: String) async {
        machine.leave(id)
        if let workload = machine.workload(of: id) { await putBack(workload, request, session) }
        deliver(machine.remove(id, reason: "left"))
        guard !Task.isCancelled else { return }
        send(.requestResult(RequestResult(requestID: request)), to: session)
    }

    /// Replaces the pods of a workload by pods in which all containers run that are to run.
    func putBack(_ workload: WorkloadKey, _ request: String = "", _ session: String = "") async {
        do throws(ManagerFailure) {
            let all = try await cluster.workloads(namespace: workload.namespace)
            guard let facts = all.first(where: { $0.key == workload }), facts.replicas > 0 else { return }
            try await replacePods(
                of: facts,
                goal: .agent,
                manner: facts.manner,
                request: request,
                session: session
            )
            logger.info("containers are back", metadata: ["workload": "\(workload)"])
        } catch {
            // It is tried again now and then.
            logger.warning(
                "containers are not back",
                metadata: ["workload": "\(workload)", "reason": "\(error.message)"]
            )
        }
    }

    /// Puts containers back of which nobody says any more that they are replaced, and the other way round.
    ///
    /// To be called now and then. A manager that has just begun learns from its agents what is replaced in their pods; the
    /// workstations have as long to come back.
    ///
    /// - Parameter patience: how long pods may be others than asked for.
    package func mendReplacedPods(after patience: Duration) {
        let now = clock.now
        let strange = machine.strangeWorkloads
        desk.strangeSince = desk.strangeSince.filter { strange.contains($0.key) }
        for workload in strange where desk.running[workload] == nil {
            let since = desk.strangeSince[workload] ?? now
            desk.strangeSince[workload] = since
            guard since.duration(to: now) >= patience else { continue }
            desk.strangeSince[workload] = now
            Task { await self.putBack(workload) }
        }
    }
}
