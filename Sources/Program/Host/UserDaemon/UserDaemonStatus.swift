import Actor
import Call
import Message

/// What the user daemon tells of itself, and the way from it to the cluster's components.
struct UserDaemonStatus: StatusAccess {
    let daemon: UserDaemon
    let network: WorkstationRuntime

    /// The board with all that the daemon knows.
    func board(_ name: String) -> StatusBoard {
        let board = StatusBoard(kind: "userd", name: name)
        board.add { [daemon, network] _, report in
            let status = await daemon.summary()
            report.component?.state = status.state
            report.links += status.links
            if !status.error.isEmpty { report.component?.facts["error"] = status.error }
            if let connection = status.connection {
                report.component?.facts["context"] = connection.context
                report.component?.facts["server"] = connection.server
                report.component?.facts["namespace"] = connection.namespace
                report.component?.facts["link"] = connection.link
                report.sessions.append(
                    SessionStatus(
                        id: connection.sessionID,
                        kind: .client,
                        owner: name,
                        namespace: connection.namespace,
                        version: status.version,
                        linked: status.state == "connected",
                        reachable: status.state == "connected"
                    )
                )
            }
            report.attachments += status.attachments.map {
                AttachmentStatus(
                    id: $0.id,
                    sessionID: $0.sessionID,
                    name: $0.spec.name,
                    kind: $0.spec.kind,
                    namespace: $0.spec.namespace,
                    workload: $0.spec.workload,
                    state: $0.state,
                    message: $0.message,
                    filter: $0.spec.filterWords ?? ""
                )
            }
            report.join(await network.statusRows())
        }
        return board
    }

    // The socket is the owner's, and on the reverse link nothing but `Watch` is registered.

    func viewer(_ context: CallContext) async throws(CallStatus) -> StatusViewer { .owner }
    func mayOperate(_ context: CallContext) async throws(CallStatus) {}
    func spread(_ request: LogLevelRequest) async -> UInt32 { 0 }

    func onward(
        to target: StatusTarget,
        _ purpose: StatusPurpose,
        _ context: CallContext
    ) async throws(CallStatus) -> StatusOnward? {
        switch target {
        case .own, .userDaemon: return nil
        case .rootDaemon: throw CallStatus(.notFound, "the root daemon is asked on its own socket")
        case .manager, .agent, .session:
            do throws(DaemonFailure) {
                guard let session = try await daemon.presentSession() as? RemoteManagerSession else {
                    throw DaemonFailure(.unavailable, "the session has no link to a traffic manager")
                }
                return StatusOnward(session.calls, target: target)
            } catch {
                throw error.callStatus
            }
        }
    }
}
