import Actor
import Message

/// A way into clusters that are named by the request's context.
struct FakeGateway: ClusterGateway {
    let journal: Journal
    /// What is opened: for a context, anew or again.
    let opening: @Sendable (_ context: String, _ isAgain: Bool) async throws(DaemonFailure) -> FakeSession

    func open(
        _ request: ConnectRequest,
        resuming: SessionFacts?,
        attachments: [Attachment],
        progress: @escaping ProgressReport
    ) async throws(DaemonFailure) -> any ManagerSession {
        journal.note("open \(request.context)")
        return try await opening(request.context, resuming != nil)
    }
}
