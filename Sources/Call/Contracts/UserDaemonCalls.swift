package import Message

/// The methods of the service `UserDaemon`, answered by the user daemon on its Unix socket.
package enum UserDaemonCalls {
    /// Who answers.
    ///
    /// Unary.
    package static let version = CallMethod<Empty, VersionInfo>("UserDaemon", "Version")
    /// Connects to a cluster.
    ///
    /// Server stream: progress, then the connection.
    package static let connect = CallMethod<ConnectRequest, ConnectEvent>("UserDaemon", "Connect")
    /// What the daemon is doing.
    ///
    /// Unary.
    package static let status = CallMethod<Empty, StatusInfo>("UserDaemon", "Status")
    /// The workloads of a namespace.
    ///
    /// Unary.
    package static let list = CallMethod<ListRequest, WorkloadList>("UserDaemon", "List")
    /// Attaches.
    ///
    /// Server stream: progress, then the attachment.
    package static let intercept = CallMethod<InterceptRequest, InterceptEvent>("UserDaemon", "Intercept")
    /// Ends an attachment.
    ///
    /// Unary.
    package static let leave = CallMethod<LeaveRequest, Empty>("UserDaemon", "Leave")
    /// Answered when an attachment has ended, however it did.
    ///
    /// Unary.
    package static let awaitEnd = CallMethod<AttachmentEndRequest, AttachmentEnd>("UserDaemon", "AwaitEnd")
    /// Ends somebody else's attachment.
    ///
    /// Unary.
    package static let revoke = CallMethod<RevokeOrder, Empty>("UserDaemon", "Revoke")
    /// Replaces pods by pods without an agent; answered when that is done.
    ///
    /// Unary; the daemon fills in its session.
    package static let removeAgents = CallMethod<RemoveAgentsRequest, RemoveAgentsResult>("UserDaemon", "RemoveAgents")
    /// Ends the connection.
    ///
    /// Unary.
    package static let quit = CallMethod<QuitRequest, Empty>("UserDaemon", "Quit")
    /// Pods as the cluster has them.
    ///
    /// Server stream: one answer for each that was asked for.
    package static let manifests = CallMethod<ManifestRequest, Manifest>("UserDaemon", "Manifests")
}
