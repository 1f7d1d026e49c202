import Message

extension TrafficManager {
    /// Tells the agent of an attachment to join a port of its pod with the workstation that holds it.
    ///
    /// The answer says that the agent was told, no more: that it is joined shows by its tunnel.
    func openPodPort(_ request: PodPortRequest, for session: SessionRegistry.Session) {
        var result = RequestResult(requestID: request.requestID)
        do throws(ManagerFailure) {
            guard request.port > 0, request.protocol != .unknown else {
                throw ManagerFailure(.invalid, "a port of a pod has a number from 1 to 65535, and is TCP or UDP")
            }
            let (_, server) = try server(
                of: request.attachmentID,
                ticket: request.ticket,
                for: session.id,
                attempt: request.attempt
            )
            var order = request
            order.requestID = ""
            order.sessionID = session.id
            send(.podPortRequest(order), to: server.agent)
        } catch {
            result.code = error.code.rawValue
            result.message = error.message
        }
        send(.requestResult(result), to: session.id)
    }
}
