import Message

extension TrafficManager {
    /// Tells the agent of an attachment to serve its volumes on a tunnel to the workstation that holds it.
    ///
    /// The answer says that the agent was told, no more: that it serves shows by its tunnel.
    func openVolume(_ request: VolumeRequest, for session: SessionRegistry.Session) {
        var result = RequestResult(requestID: request.requestID)
        do throws(ManagerFailure) {
            let (agent, order) = try volumeOrder(request, for: session.id)
            send(.volumeOrder(order), to: agent)
        } catch {
            result.code = error.code.rawValue
            result.message = error.message
        }
        send(.requestResult(result), to: session.id)
    }

    private func volumeOrder(
        _ request: VolumeRequest,
        for session: String
    ) throws(ManagerFailure) -> (agent: String, order: VolumeOrder) {
        let (attachment, server) = try server(of: request.attachmentID, ticket: request.ticket, for: session)
        // Who takes no traffic from the app takes nothing else from it either.
        let onlyLooks = attachment.spec.kind == .ingest || attachment.spec.kind == .wiretap
        let order = VolumeOrder(
            attachmentID: attachment.id,
            sessionID: session,
            container: request.container.isEmpty ? server.container : request.container,
            ticket: request.ticket,
            readOnly: request.readOnly || onlyLooks
        )
        return (server.agent, order)
    }

    /// The agent that is to open a tunnel for an attachment, under this ticket.
    func server(
        of id: String,
        ticket: String,
        for session: String,
        attempt: UInt32 = 0
    ) throws(ManagerFailure) -> (Attachment, (agent: String, container: String)) {
        // Nobody gets anything of an attachment that is not his own.
        guard let attachment = machine[id], attachment.sessionID == session else {
            throw ManagerFailure(.notFound, "no attachment \(id)")
        }
        guard ticket.utf8.count >= 16, ticket.utf8.allSatisfy(\.isTicket) else {
            throw ManagerFailure(.invalid, "the ticket is too short, or not of letters and digits")
        }
        guard let server = machine.volumeServer(of: attachment.id, attempt: attempt) else {
            throw ManagerFailure(.unavailable, "no agent serves \(attachment.spec.name) at present")
        }
        return (attachment, server)
    }
}

extension UInt8 {
    /// A letter or a digit (ASCII).
    fileprivate var isTicket: Bool {
        (48...57).contains(self) || (65...90).contains(self) || (97...122).contains(self)
    }
}
