package import Message

/// The way into a cluster: finds the manager and opens a session with it.
package protocol ClusterGateway: Sendable {
    /// Opens a session.
    ///
    /// - Parameters:
    ///   - request: which cluster and namespace, and with whose credentials.
    ///   - resuming: the session to take up again, if there was one.
    ///   - attachments: what the session holds; a manager that has forgotten it takes them over.
    ///   - progress: told what is being waited for.
    /// - Returns: The open session; its owner closes it.
    /// - Throws: `DaemonFailure` in words for the user.
    func open(
        _ request: ConnectRequest,
        resuming: SessionFacts?,
        attachments: [Attachment],
        progress: @escaping ProgressReport
    ) async throws(DaemonFailure) -> any ManagerSession
}

/// Tells a waiting user what is being done: the phase (one word) and a sentence.
package typealias ProgressReport = @Sendable (_ phase: String, _ message: String) -> Void
