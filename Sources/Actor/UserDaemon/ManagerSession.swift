package import Message

/// One open session with a traffic manager, over its links.
package protocol ManagerSession: AnyObject, Sendable {
    var facts: SessionFacts { get }
    /// What the manager tells; ends after `.lost`. Read by one consumer.
    var events: AsyncStream<SessionEvent> { get }
    /// Makes an attachment; returns once the next request really reaches the workstation.
    func attach(_ spec: AttachmentSpec, progress: @escaping ProgressReport) async throws(DaemonFailure) -> Attachment
    /// Ends the attachment called `id`.
    func detach(_ id: String) async throws(DaemonFailure)
    /// Ends somebody else's attachment, for administrators.
    func revoke(holder: String, name: String, namespace: String) async throws(DaemonFailure)
    /// Somebody uses the workstation; the manager is told with the next heartbeat.
    func noteUse()
    /// The workloads of a namespace.
    func workloads(namespace: String) async throws(DaemonFailure) -> [Workload]
    /// Has the agents of workloads removed; returns when that is done.
    func removeAgents(_ request: RemoveAgentsRequest) async throws(DaemonFailure) -> RemoveAgentsResult
    /// Round trip and bytes of the link at present.
    func figures() async -> LinkFigures
    /// The links at present.
    func links() async -> [LinkStatus]
    /// Says farewell and closes the links.
    func close() async
}

/// What is measured on a link.
package struct LinkFigures: Sendable, Equatable {
    package var roundTripMicroseconds: UInt64
    package var bytesIn: UInt64
    package var bytesOut: UInt64

    package init(roundTripMicroseconds: UInt64 = 0, bytesIn: UInt64 = 0, bytesOut: UInt64 = 0) {
        self.roundTripMicroseconds = roundTripMicroseconds
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
    }
}
