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
        guard [.intercept, .ingest, .wiretap, .replace].contains(spec.kind) else {
            throw ManagerFailure(.invalid, "this manager does not know attachments of the kind \(spec.kind)")
        }
        try check(scopeOf: spec)
        do throws(FilterProblem) { try spec.checkFilter() } catch { throw ManagerFailure(.invalid, error.message) }
        try await judge.mayAttach(session.principal, namespace: spec.namespace)
        progress(request, "resolve", "looking for \(spec.workload) in namespace \(spec.namespace)", to: session.id)
        let workloads = try await cluster.workloads(namespace: spec.namespace)
        let workload = try AttachmentResolver.workload(spec.workload, namespace: spec.namespace, among: workloads)
        var ports: [ResolvedPort] = []
        if spec.kind == .ingest {
            spec.container = try AttachmentResolver.container(spec.container, of: workload)
        } else if spec.kind == .replace {
            let services = try await cluster.services(namespace: spec.namespace)
            spec.container = try AttachmentResolver.container(spec.container, of: workload)
            ports = try AttachmentResolver.replacedPorts(spec, of: workload, services: services)
            guard workload.manner != .never, spec.attach.isEmpty else {
                let text =
                    "a container of \(workload.key) cannot be replaced: that needs new pods, and its own must stay"
                throw ManagerFailure(.precondition, text)
            }
        } else {
            if !spec.container.isEmpty { _ = try AttachmentResolver.container(spec.container, of: workload) }
            let services = try await cluster.services(namespace: spec.namespace)
            ports = try AttachmentResolver.ports(spec, of: workload, services: services)
            // Who does not say the protocol may mean the only port there is.
            guard !spec.hasFilter || !ports.contains(where: { $0.protocol == .udp }) else {
                throw ManagerFailure(.invalid, "a filter is about HTTP requests, of which there are none on a UDP port")
            }
        }
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
            // Agents are told as they come: what a new pod gets is answered at the workstation from its first request on.
            deliver(machine.engage(attachment.id))
            if spec.kind == .replace {
                // The first new pods send requests before the last old ones have ended: the workstation must know its ports.
                machine.announce(attachment.id)
                send(.attachmentChange(AttachmentChange(attachment: attachment)), to: session.id)
            }
            try await bringAgents(to: workload, spec, ports, session: session.id, request: request)
            return try await confirm(attachment.id, session: session.id, request: request)
        } catch {
            deliver(machine.remove(attachment.id))
            throw error
        }
    }

    /// Refuses what takes everything, where the administrator does not want that.
    func check(scopeOf spec: AttachmentSpec) throws(ManagerFailure) {
        guard !allowsGlobal else { return }
        let setting = "the administrator allows none (intercept.allowGlobalIntercepts is false)"
        switch spec.kind {
        case .replace:
            throw ManagerFailure(
                .forbidden,
                "a replacement takes all requests of \(spec.workload): \(setting). "
                    + "Use `telepresence intercept` with --http-header NAME=VALUE, or `telepresence ingest`"
            )
        case .intercept where !spec.hasFilter:
            throw ManagerFailure(
                .forbidden,
                "an intercept without a filter takes all requests of \(spec.workload): \(setting). "
                    + "Choose which requests are yours with --http-header NAME=VALUE"
            )
        case .intercept, .ingest, .wiretap, .unknown: return
        }
    }

    /// Brings an agent that stands in front of the ports into every pod of the workload.
    func bringAgents(
        to workload: WorkloadFacts,
        _ spec: AttachmentSpec,
        _ ports: [ResolvedPort],
        session: String,
        request: String
    ) async throws(ManagerFailure) {
        want(workload.key)
        desk.idleSince[workload.key] = nil
        var manner = workload.manner
        switch spec.attach {
        case "": break
        case "ephemeral": manner = .never
        default: throw ManagerFailure(.invalid, "attach is \"\(spec.attach)\": it can be ephemeral, or nothing")
        }
        do throws(ManagerFailure) {
            try await replacePods(
                of: workload,
                goal: .agent,
                manner: manner,
                ports: Set(ports.map(AgentRoutes.Port.init)),
                request: request,
                session: session
            )
        } catch {
            // An agent that cannot start must not stand in the way of the workload's next pods.
            if machine.pods(of: workload.key).isEmpty { unwant(workload.key) }
            throw error
        }
    }

    /// Tells the agents and waits for their word.
    private func confirm(_ id: String, session: String, request: String) async throws(ManagerFailure) -> Attachment {
        progress(request, "confirm", "waiting for the agent's word", to: session)
        deliver(machine.engage(id))
        let doubt = Task {
            guard (try? await Task.sleep(for: timeouts.silence)) != nil else { return }
            for agent in self.machine.silent(id) { await self.ask(after: agent) }
        }
        defer { doubt.cancel() }
        let outcome = await waiting(on: id, patience: timeouts.confirmation) { manager -> Attachment? in
            guard let attachment = manager.machine[id] else { return Attachment(state: .error, message: "removed") }
            guard manager.machine.isSettled(id) else { return nil }
            // Only then does the next request really reach the workstation.
            let isReached = attachment.ports.isEmpty || manager.isReachable(session)
            return attachment.state != .active || isReached ? attachment : nil
        }
        guard let outcome else {
            guard !Task.isCancelled else { throw ManagerFailure(.aborted, "the request was given up") }
            guard isReachable(session) else {
                throw ManagerFailure(.unavailable, "the workstation has no reverse link to the traffic manager")
            }
            throw ManagerFailure(.timeout, "the agent has not confirmed in time")
        }
        guard outcome.state == .active else { throw ManagerFailure(.precondition, outcome.message) }
        return outcome
    }
}
