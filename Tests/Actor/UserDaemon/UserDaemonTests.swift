import Actor
import Logging
import Message
import Testing

@Suite("The user daemon", .timeLimit(.minutes(1)))
struct UserDaemonTests {
    private let journal = Journal()

    private func daemon(
        _ network: FakeNetwork? = nil,
        opening: @escaping @Sendable (String, Bool) async throws(DaemonFailure) -> FakeSession
    ) -> UserDaemon {
        UserDaemon(
            gateway: FakeGateway(journal: journal, opening: opening),
            network: network ?? FakeNetwork(journal: journal),
            version: "",
            pid: 1,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private static func request(_ context: String) -> ConnectRequest { ConnectRequest(context: context) }

    private static let silence: ProgressReport = { _, _ in }

    /// Begins to connect.
    private func connecting(_ daemon: UserDaemon, _ context: String) -> Task<Void, any Error> {
        Task { _ = try await daemon.connect(Self.request(context), progress: Self.silence) }
    }

    // MARK: - Connections that overtake one another

    @Test("a connect that fails after quit and the next connect touches nothing of that", arguments: [false, true])
    func lateConnect(succeeds: Bool) async throws {
        let (arrived, answer) = (Moment(), Moment())
        let daemon = daemon { [journal] context, _ throws(DaemonFailure) in
            guard context == "A" else { return FakeSession(context, journal) }
            arrived.come()
            await answer.wait()
            guard succeeds else { throw DaemonFailure(.unavailable, "too late") }
            return FakeSession(context, journal)
        }
        let first = connecting(daemon, "A")
        await arrived.wait()
        #expect(await daemon.quit())
        _ = try await daemon.connect(Self.request("B"), progress: Self.silence)
        let before = journal.lines
        answer.come()
        await #expect(throws: DaemonFailure.self) { try await first.value }
        #expect(journal.lines.dropFirst(before.count) == (succeeds ? ["A close"] : []))
        let status = await daemon.status()
        #expect(status.state == "connected" && status.connection?.context == "B" && status.error.isEmpty)
    }

    @Test("a connect waits until the former connection is undone")
    func connectWhileUndoing() async throws {
        let (begun, waiting, undone) = (Moment(), Moment(), Moment())
        let network = FakeNetwork(
            journal: journal,
            tearingDown: {
                begun.come()
                await undone.wait()
            }
        )
        let daemon = daemon(network) { [journal] context, _ throws(DaemonFailure) in
            if context == "B" { waiting.come() }
            return FakeSession(context, journal)
        }
        _ = try await daemon.connect(Self.request("A"), progress: Self.silence)
        let quit = Task { await daemon.quit() }
        await begun.wait()
        let second = Task { _ = try await daemon.connect(Self.request("B")) { _, _ in waiting.come() } }
        await waiting.wait()
        undone.come()
        try await second.value
        #expect(await quit.value)
        let lines = journal.lines
        let (end, next) = (lines.firstIndex(of: "torn down"), lines.firstIndex(of: "open B"))
        #expect(try #require(end) < #require(next), "\(lines)")
        #expect(await daemon.status().connection?.context == "B")
    }

    @Test("quit while the network is set up undoes what comes of that, too")
    func quitWhileSettingUp() async throws {
        let (arrived, made) = (Moment(), Moment())
        let network = FakeNetwork(
            journal: journal,
            settingUp: { _ async throws(DaemonFailure) in
                arrived.come()
                await made.wait()
            },
            tearingDown: { made.come() }
        )
        let daemon = daemon(network) { [journal] context, _ throws(DaemonFailure) in
            FakeSession(context, journal)
        }
        let first = connecting(daemon, "A")
        await arrived.wait()
        await daemon.quit()
        let lines = journal.lines
        let end = try #require(lines.firstIndex(of: "set up ended A"), "\(lines)")
        #expect(lines[end...].contains("torn down"), "\(lines)")
        await #expect(throws: DaemonFailure.self) { try await first.value }
    }

    @Test("quit leaves no error of the connection behind")
    func quitClearsError() async throws {
        let session = FakeSession("A", journal)
        let daemon = daemon { _, _ throws(DaemonFailure) in session }
        _ = try await daemon.connect(Self.request("A"), progress: Self.silence)
        let made = try await daemon.intercept(AttachmentSpec(name: "web"), progress: Self.silence)
        let watching = Task { await daemon.end(of: made.id) }
        var ended = made
        ended.message = "its workload is gone"
        session.tell(.attachment(AttachmentChange(attachment: ended, removed: true)))
        _ = await watching.value
        #expect(await daemon.status().error.contains("its workload is gone"))
        await daemon.quit()
        #expect(await daemon.status().error == "")
    }
}
