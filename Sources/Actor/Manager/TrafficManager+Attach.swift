import Message

extension TrafficManager {
    /// Makes an attachment: finds what it means, sees to it that agents are there, and waits until they have confirmed.
    ///
    /// When it fails or is cancelled nothing of it is left but the agents.
    func attach(
        _ spec: AttachmentSpec,
        session: SessionRegistry.Session,
        request: String
    ) async throws(ManagerFailure) -> Attachment {
        var spec = spec
        if spec.namespace.isEmpty { spec.namespace = session.hello.client?.namespace ?? "" }
        if spec.workload.isEmpty { spec.workload = spec.name }
        guard !spec.name.isEmpty, !spec.namespace.isEmpty else {
            throw ManagerFailure(.invalid, "an attachment needs a name and a namespace")
        }
        guard spec.kind == .intercept else {
            throw ManagerFailure(.invalid, "this manager knows intercepts only, not \(spec.kind)")
        }
        try await judge.mayAttach(session.principal, namespace: spec.namespace)
        progress(request, "resolve", "looking for \(spec.workload) in namespace \(spec.namespace)", to: session.id)
        let workloads = try await cluster.workloads(namespace: spec.namespace)
        let workload = try AttachmentResolver.workload(spec.workload, namespace: spec.namespace, among: workloads)
        let services = try await cluster.services(namespace: spec.namespace)
        let ports = try AttachmentResolver.ports(spec, of: workload, services: services)
        guard workload.replicas > 0 else {
            throw ManagerFailure(.precondition, "\(workload.key) has no pods: it is scaled to 0")
        }
        guard !Task.isCancelled else { throw ManagerFailure(.aborted, "the request was given up") }
        let attachment = Attachment(
            id: Self.attachmentID(),
            sessionID: session.id,
            spec: spec,
            state: .waiting,
            ports: ports,
            owner: session.owner,
            workloadKind: workload.key.kind
        )
        try admit(attachment, workload: workload.key)
        do throws(ManagerFailure) {
            try await bringAgents(to: workload, session: session.id, request: request)
            return try await confirm(attachment.id, session: session.id, request: request)
        } catch {
            deliver(machine.remove(attachment.id))
            throw error
        }
    }

    /// Replaces the pods that have no agent, one after another, until every pod has one and one at least is ready.
    func bringAgents(
        to workload: WorkloadFacts,
        session: String,
        request: String
    ) async throws(ManagerFailure) {
        want(workload.key)
        let clock = ContinuousClock()
        var lastStep = clock.now
        var evicted: Set<String> = []
        var lastSeen: Set<String> = []
        var said = ""
        while true {
            guard !Task.isCancelled else { throw ManagerFailure(.aborted, "the request was given up") }
            let pods = try await cluster.pods(of: workload.key).filter { !$0.terminating }
            let linked = machine.pods(of: workload.key)
            let serving = pods.filter { $0.hasAgent && $0.ready && linked.contains($0.name) }
            let bare = pods.filter { !$0.hasAgent }
            if bare.isEmpty, !serving.isEmpty, serving.count == pods.filter(\.ready).count { return }
            let seen = Set(pods.map { "\($0.name) \($0.ready) \(linked.contains($0.name))" })
            if seen != lastSeen {
                lastSeen = seen
                lastStep = clock.now
            }
            // One at a time, and the next only when the one before has been replaced: gentle with the workload.
            let whole = pods.filter(\.ready).count >= min(workload.ready, workload.replicas)
            if let next = bare.first(where: { !evicted.contains($0.name) }), whole || evicted.isEmpty {
                do throws(ManagerFailure) {
                    progress(request, "evict", "replacing pod \(next.name) by one with an agent", to: session)
                    try await cluster.evict(pod: next.name, namespace: workload.key.namespace)
                    evicted.insert(next.name)
                    lastStep = clock.now
                } catch {
                    guard error.code == .exhausted else { throw error }
                    progress(request, "budget", "a disruption budget holds pod \(next.name) back", to: session)
                }
            }
            let text = "waiting for the pod to be replaced"
            if said != text, !evicted.isEmpty {
                said = text
                progress(request, "replace", text, to: session)
            }
            guard lastStep.duration(to: clock.now) < timeouts.agentArrival else {
                throw ManagerFailure(.timeout, Self.complaint(workload.key, pods, linked: linked))
            }
            try? await Task.sleep(for: timeouts.poll)
        }
    }

    /// Tells the agents and waits for their word.
    private func confirm(_ id: String, session: String, request: String) async throws(ManagerFailure) -> Attachment {
        progress(request, "confirm", "waiting for the agent to take the port over", to: session)
        deliver(machine.engage(id))
        let outcome = await waiting(on: id, patience: timeouts.confirmation) { manager -> Attachment? in
            guard let attachment = manager.machine[id] else { return Attachment(state: .error, message: "removed") }
            guard manager.machine.isSettled(id) else { return nil }
            // Only then does the next request really reach the workstation.
            return attachment.state != .active || manager.isReachable(session) ? attachment : nil
        }
        guard let outcome else {
            guard !Task.isCancelled else { throw ManagerFailure(.aborted, "the request was given up") }
            guard isReachable(session) else {
                throw ManagerFailure(.unavailable, "the workstation has no reverse link to the traffic manager")
            }
            throw ManagerFailure(.timeout, "the agent has not taken the port over in time")
        }
        guard outcome.state == .active else { throw ManagerFailure(.precondition, outcome.message) }
        return outcome
    }

    /// Says in words why no agent has come.
    private static func complaint(_ workload: WorkloadKey, _ pods: [PodFacts], linked: Set<String>) -> String {
        let start = "no agent came up in \(workload) in time: "
        if pods.isEmpty { return start + "it has no pods" }
        if let bare = pods.first(where: { !$0.hasAgent }) {
            return start + "pod \(bare.name) was made without an agent; is the admission webhook reachable?"
        }
        if let trouble = pods.first(where: { !$0.trouble.isEmpty }) {
            return start + "pod \(trouble.name): \(trouble.trouble)"
        }
        if let silent = pods.first(where: { $0.ready && !linked.contains($0.name) }) {
            return start + "the agent in pod \(silent.name) does not reach the traffic manager"
        }
        return start + "pod \(pods[0].name) is not ready"
    }
}
