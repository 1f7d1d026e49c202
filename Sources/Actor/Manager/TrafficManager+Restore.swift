import Logging
import Message

/// Attachments that workstations bring with them: the manager keeps nothing on disk, so that after its restart they are
/// what is left of them.
extension TrafficManager {
    /// Adds an attachment, where nobody holds what it wants, or who holds it has no right to any more.
    func admit(_ attachment: Attachment, workload: WorkloadKey) throws(ManagerFailure) {
        let now = clock.now
        let notices = try machine.add(attachment, workload: workload) { [registry] holder in
            registry.standing(of: holder, towards: attachment.sessionID, now: now)
        }
        deliver(notices)
    }

    /// Holds again what a session held before this manager knew it.
    func restore(_ former: Attachment, for id: String) {
        guard let session = registry[id] else { return }
        run("restore \(former.id) \(former.spec.namespace)/\(former.spec.name)", for: id) { manager in
            do throws(ManagerFailure) {
                guard let workload = WorkloadKey(former), Self.isAttachmentID(former.id) else {
                    return try await manager.makeAnew(former, for: session)
                }
                try await manager.admitted(session, namespace: former.spec.namespace)
                let id = try await manager.hold(former, workload, for: session)
                await manager.seeToAgents(of: id, workload)
            } catch {
                guard !Task.isCancelled else { return }
                await manager.lament(former, error, to: session.id)
            }
        }
    }

    /// Of an attachment that does not say what it was: what was asked for is asked for once more.
    private func makeAnew(_ former: Attachment, for session: SessionRegistry.Session) async throws(ManagerFailure) {
        let attachment = try await attach(former.spec, session: session, request: "")
        if former.id != attachment.id, !former.id.isEmpty { tellGone(former, "made anew", to: session.id) }
        machine.announce(attachment.id)
        let change = AttachmentChange(attachment: machine[attachment.id] ?? attachment)
        send(.attachmentChange(change), to: session.id)
    }

    /// Asks whether a session may attach, for as long as the cluster does not say.
    ///
    /// A cluster that is slow to answer is no reason to take away what somebody had.
    private func admitted(_ session: SessionRegistry.Session, namespace: String) async throws(ManagerFailure) {
        var backoff = Backoff()
        while true {
            do throws(ManagerFailure) {
                return try await judge.mayAttach(session.principal, namespace: namespace)
            } catch {
                guard error.code == .unavailable || error.code == .timeout, !Task.isCancelled else { throw error }
                try? await Task.sleep(for: backoff.next(Double.random(in: 0..<1)))
            }
        }
    }

    /// Takes an attachment over as it was, under its own id.
    ///
    /// What the cluster would be asked for is known already: so a thousand workstations that come back at once do not ask
    /// it a thousand times. An agent refuses ports that it does not have.
    private func hold(
        _ former: Attachment,
        _ workload: WorkloadKey,
        for session: SessionRegistry.Session
    ) throws(ManagerFailure) -> String {
        guard !Task.isCancelled else { throw ManagerFailure(.aborted, "the link was lost") }
        // The setting may be newer than the attachment; and nobody has looked at what comes back.
        try check(scopeOf: former.spec)
        do throws(FilterProblem) { try former.spec.checkFilter() } catch {
            throw ManagerFailure(.invalid, error.message)
        }
        var attachment = former
        attachment.sessionID = session.id
        attachment.owner = session.owner
        attachment.state = .waiting
        attachment.message = ""
        attachment.podName = ""
        attachment.podIP = ""
        attachment.environment = [:]
        if machine[former.id] != nil { attachment.id = Self.attachmentID() }
        try admit(attachment, workload: workload)
        if attachment.id != former.id { tellGone(former, "goes on as \(attachment.id)", to: session.id) }
        machine.announce(attachment.id)
        deliver(machine.engage(attachment.id))
        if let now = machine[attachment.id] {
            send(.attachmentChange(AttachmentChange(attachment: now)), to: session.id)
        }
        logger.info("attachment restored", metadata: ["id": "\(attachment.id)", "owner": "\(session.owner)"])
        return attachment.id
    }

    /// Waits for the agents to come back by themselves; where they do not, looks what has become of the workload.
    private func seeToAgents(of id: String, _ workload: WorkloadKey) async {
        let session = machine[id]?.sessionID ?? ""
        // While nobody knew that a container is replaced, pods may have been made in which it runs. Others who have replaced
        // another one come back meanwhile.
        let isReplacement = machine[id]?.spec.kind == .replace
        let patience = isReplacement ? min(timeouts.agentArrival, .seconds(5)) : timeouts.agentArrival
        let isThere = await waiting(on: id, patience: patience) { manager -> Bool? in
            guard let attachment = manager.machine[id] else { return true }
            return attachment.state == .active && !isReplacement ? true : nil
        }
        guard isThere == nil, !Task.isCancelled else { return }
        do throws(ManagerFailure) {
            let workloads = try await cluster.workloads(namespace: workload.namespace)
            guard let facts = workloads.first(where: { $0.key == workload }) else {
                return deliver(machine.remove(id, reason: "\(workload) does not exist any more"))
            }
            guard facts.replicas > 0, let attachment = machine[id] else { return }
            // Pods that were made while there was no manager have no agent.
            try await bringAgents(to: facts, attachment.spec, attachment.ports, session: session, request: "")
        } catch {
            logger.warning("no agents", metadata: ["attachment": "\(id)", "reason": "\(error.message)"])
        }
    }

    private func lament(_ former: Attachment, _ failure: ManagerFailure, to id: String) {
        logger.info("not restored", metadata: ["attachment": "\(former.id)", "reason": "\(failure.message)"])
        tellGone(former, failure.message, to: id)
    }

    func tellGone(_ former: Attachment, _ reason: String, to id: String) {
        var attachment = former
        attachment.sessionID = id
        attachment.state = .error
        attachment.message = reason
        send(.attachmentChange(AttachmentChange(attachment: attachment, removed: true)), to: id)
    }
}

extension WorkloadKey {
    /// The workload of an attachment that a manager has resolved; nil when it says too little.
    fileprivate init?(_ attachment: Attachment) {
        let spec = attachment.spec
        guard !attachment.workloadKind.isEmpty, !spec.namespace.isEmpty, !spec.name.isEmpty, spec.kind != .unknown,
            !attachment.ports.isEmpty || !spec.container.isEmpty,
            let name = spec.workload.split(separator: "/").last
        else { return nil }
        self.init(kind: attachment.workloadKind, name: String(name), namespace: spec.namespace)
    }
}
