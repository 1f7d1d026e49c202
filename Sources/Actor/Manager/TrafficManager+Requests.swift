import Logging
import Message

/// What participants ask for on their session streams.
///
/// Each request runs in a task of its own, which ends with the session's link.
extension TrafficManager {
    func start(_ request: AttachRequest, for session: SessionRegistry.Session) {
        guard session.hello.kind == .client else {
            return answer(request.requestID, .init(.invalid, "only a workstation attaches"), to: session.id)
        }
        run(request.requestID, for: session.id) { manager in
            do throws(ManagerFailure) {
                let attachment = try await manager.attach(request.spec, session: session, request: request.requestID)
                await manager.answer(request.requestID, attachment, to: session.id)
            } catch {
                await manager.answer(request.requestID, error, to: session.id)
            }
        }
    }

    /// Runs something for a session, until its link is lost.
    func run(_ name: String, for id: String, _ body: @escaping @Sendable (TrafficManager) async -> Void) {
        let earlier = requests[id]?[name]
        requests[id, default: [:]][name] = Task {
            // The same request twice: one after the other, so that each gets its answer.
            await earlier?.value
            await body(self)
            self.ended(name, for: id)
        }
    }

    private func ended(_ name: String, for id: String) {
        // Of a link that is gone; its place may belong to the next one's.
        guard !Task.isCancelled else { return }
        requests[id]?[name] = nil
        if requests[id]?.isEmpty == true { requests[id] = nil }
    }

    /// Ends what a session has asked for on a link that is gone, with what was made of it so far.
    func giveUpRequests(of id: String) {
        for task in (requests.removeValue(forKey: id) ?? [:]).values { task.cancel() }
        deliver(machine.removeUnannounced(of: id))
    }

    func detach(_ request: DetachRequest, for session: SessionRegistry.Session) {
        let namespace = request.namespace.isEmpty ? session.hello.client?.namespace ?? "" : request.namespace
        let found = machine.held(by: session.id).first {
            request.attachmentID.isEmpty
                ? $0.spec.name == request.name && $0.spec.namespace == namespace : $0.id == request.attachmentID
        }
        guard let found else {
            let what = request.attachmentID.isEmpty ? request.name : request.attachmentID
            return answer(request.requestID, .init(.notFound, "no attachment \(what)"), to: session.id)
        }
        if found.spec.kind == .replace { return giveWay(found, request.requestID, to: session.id) }
        deliver(machine.remove(found.id, reason: "left"))
        send(.requestResult(RequestResult(requestID: request.requestID)), to: session.id)
    }

    /// Ends somebody's attachment, where the asker may.
    func revoke(_ request: RevokeRequest, for session: SessionRegistry.Session) {
        run(request.requestID, for: session.id) { manager in
            do throws(ManagerFailure) {
                try await manager.judge.mayAdminister(session.principal)
                try await manager.revoked(request, by: session)
                await manager.send(.requestResult(RequestResult(requestID: request.requestID)), to: session.id)
            } catch {
                await manager.answer(request.requestID, error, to: session.id)
            }
        }
    }

    private func revoked(_ request: RevokeRequest, by asker: SessionRegistry.Session) throws(ManagerFailure) {
        let sessions =
            registry[request.session] != nil
            ? [request.session] : registry.clients.filter { registry[$0]?.owner == request.session }
        guard !sessions.isEmpty else {
            throw ManagerFailure(.notFound, "there is no session \(request.session), nor an owner of that name")
        }
        let held = sessions.flatMap { machine.held(by: $0) }
        let found = held.filter {
            $0.spec.name == request.name && (request.namespace.isEmpty || $0.spec.namespace == request.namespace)
        }
        guard !found.isEmpty else {
            let names = held.map(\.spec.name).sorted().joined(separator: ", ")
            let there = names.isEmpty ? "it has none" : "it has: \(names)"
            throw ManagerFailure(.notFound, "\(request.session) has no attachment \(request.name); \(there)")
        }
        for attachment in found {
            logger.notice(
                "revoked",
                metadata: ["attachment": "\(attachment.id)", "of": "\(attachment.owner)", "by": "\(asker.principal)"]
            )
            deliver(machine.remove(attachment.id, reason: "revoked by \(asker.owner)"))
        }
    }

    private func answer(_ request: String, _ attachment: Attachment, to id: String) {
        // The next link has requests of the same name.
        guard !Task.isCancelled else { return }
        machine.announce(attachment.id)
        usage.attached(registry[id]?.hello, attachment.spec.kind)
        let now = machine[attachment.id] ?? attachment
        send(.requestResult(RequestResult(requestID: request, attachment: now)), to: id)
        send(.attachmentChange(AttachmentChange(attachment: now)), to: id)
    }

    private func answer(_ request: String, _ failure: ManagerFailure, to id: String) {
        guard !Task.isCancelled else { return }
        let result = RequestResult(requestID: request, code: failure.code.rawValue, message: failure.message)
        send(.requestResult(result), to: id)
    }
}
