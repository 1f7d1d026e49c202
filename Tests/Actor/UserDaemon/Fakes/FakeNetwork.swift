import Actor
import Message

/// A workstation's network that notes what is done to it.
struct FakeNetwork: WorkstationNetwork {
    let journal: Journal
    var settingUp: @Sendable (_ context: String) async throws(DaemonFailure) -> Void = { _ in }
    var tearingDown: @Sendable () async -> Void = {}
    var mounting: @Sendable () async -> Void = {}

    func setUp(
        _ request: ConnectRequest,
        session: any ManagerSession,
        progress: @escaping ProgressReport,
        lost: @escaping @Sendable (String) -> Void
    ) async throws(DaemonFailure) -> NetworkFacts {
        journal.note("set up \(request.context)")
        defer { journal.note("set up ended \(request.context)") }
        try await settingUp(request.context)
        return NetworkFacts(interface: "tel0", dnsHook: "none")
    }

    func tearDown() async {
        journal.note("tear down")
        await tearingDown()
        journal.note("torn down")
    }

    func mount(_ attachment: Attachment, _ wish: MountWish) async -> MountState {
        await mounting()
        return MountState()
    }

    func use(_ session: (any ManagerSession)?) async {}
    func update(_ cluster: ClusterInfo) async {}
    func serve(_ attachments: [Attachment]) async {}
    func listen(toPod ports: [PortSpec]) async throws(DaemonFailure) -> UInt64 { 0 }
    func lead(_ listeners: UInt64, to attachmentID: String?) async {}
    func ways(_ attachments: [Attachment]) async -> [AttachmentWay] { [] }
    func mounts() async -> [String: MountState] { [:] }
    func rootStatus() async -> RootStatus? { nil }
}
