import Actor
import Message

/// A session whose manager does what the test says.
final class FakeSession: ManagerSession {
    typealias Attaching = @Sendable (AttachmentSpec) async throws(DaemonFailure) -> Attachment
    typealias Detaching = @Sendable (String) async throws(DaemonFailure) -> Void

    let facts: SessionFacts
    let events: AsyncStream<SessionEvent>
    /// It was closed.
    let end = Moment()
    private let feed: AsyncStream<SessionEvent>.Continuation
    private let journal: Journal
    private let attaching: Attaching
    private let detaching: Detaching

    init(
        _ name: String,
        _ journal: Journal,
        attaching: @escaping Attaching = { spec in Attachment(id: "id-\(spec.name)", spec: spec, state: .active) },
        detaching: @escaping Detaching = { _ in }
    ) {
        facts = SessionFacts(
            context: name,
            server: "",
            namespace: "default",
            managerNamespace: "ambassador",
            managerVersion: "",
            sessionID: name,
            secret: [],
            cluster: ClusterInfo(),
            link: "",
            resumed: false
        )
        self.journal = journal
        self.attaching = attaching
        self.detaching = detaching
        (events, feed) = AsyncStream.makeStream()
    }

    /// The manager tells something.
    func tell(_ event: SessionEvent) { feed.yield(event) }

    func attach(
        _ spec: AttachmentSpec,
        progress: @escaping ProgressReport
    ) async throws(DaemonFailure) -> Attachment {
        try await attaching(spec)
    }

    func detach(_ id: String) async throws(DaemonFailure) {
        journal.note("\(facts.sessionID) detach \(id)")
        try await detaching(id)
    }

    func close() async {
        journal.note("\(facts.sessionID) close")
        feed.finish()
        end.come()
    }

    func revoke(holder: String, name: String, namespace: String) async throws(DaemonFailure) {}
    func noteUse() {}
    func workloads(namespace: String) async throws(DaemonFailure) -> [Workload] { [] }
    func removeAgents(_ request: RemoveAgentsRequest) async throws(DaemonFailure) -> RemoveAgentsResult {
        RemoveAgentsResult()
    }
    func figures() async -> LinkFigures { LinkFigures() }
    func links() async -> [LinkStatus] { [] }
}
