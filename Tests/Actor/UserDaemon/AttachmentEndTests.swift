import Actor
import Logging
import Message
import Testing

/// How attachments end that nobody wants any more, whatever becomes of the link meanwhile.
@Suite("The end of an attachment", .timeLimit(.minutes(1)))
struct AttachmentEndTests {
    private static let gone = DaemonFailure(.unavailable, "the link is gone")
    private static let silence: ProgressReport = { _, _ in }

    private let journal = Journal()

    private func daemon(
        mounting: @escaping @Sendable () async -> Void = {},
        opening: @escaping @Sendable (String, Bool) async throws(DaemonFailure) -> FakeSession
    ) -> UserDaemon {
        UserDaemon(
            gateway: FakeGateway(journal: journal, opening: opening),
            network: FakeNetwork(journal: journal, mounting: mounting),
            version: "",
            pid: 1,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// A session that notes the end of attachments, and tells a moment of it.
    private func successor(_ detached: Moment) -> FakeSession {
        FakeSession("second", journal, detaching: { _ in detached.come() })
    }

    private func change(_ id: String, _ name: String) -> SessionEvent {
        let spec = AttachmentSpec(name: name, namespace: "default")
        return .attachment(AttachmentChange(attachment: Attachment(id: id, spec: spec, state: .active)))
    }

    @Test("an attachment that is left over a dead link stays ended when the link is back")
    func leftOverDeadLink() async throws {
        let detached = Moment()
        let first = FakeSession("first", journal, detaching: { _ throws(DaemonFailure) in throw Self.gone })
        let second = successor(detached)
        let daemon = daemon { _, isAgain throws(DaemonFailure) in isAgain ? second : first }
        _ = try await daemon.connect(ConnectRequest(), progress: Self.silence)
        let made = try await daemon.intercept(AttachmentSpec(name: "web"), progress: Self.silence)
        await #expect(throws: DaemonFailure.self) { try await daemon.leave(name: "web", namespace: "") }
        // The manager has not heard of it.
        second.tell(change(made.id, "web"))
        first.tell(.lost("it broke"))
        await detached.wait()
        #expect(journal.lines.contains("second detach \(made.id)"))
        #expect(await daemon.status().attachments.isEmpty)
        await daemon.quit()
    }

    @Test("an attachment that is given up while its link breaks is ended, whether or not that was noticed before")
    func abandonedOverDeadLink() async throws {
        let (arrived, broken, detached) = (Moment(), Moment(), Moment())
        let first = FakeSession(
            "first",
            journal,
            detaching: { _ throws(DaemonFailure) in
                arrived.come()
                await broken.wait()
                throw Self.gone
            }
        )
        let second = successor(detached)
        let daemon = daemon { _, isAgain throws(DaemonFailure) in isAgain ? second : first }
        _ = try await daemon.connect(ConnectRequest(), progress: Self.silence)
        let made = try await daemon.intercept(AttachmentSpec(name: "web"), progress: Self.silence)
        let abandoning = Task { await daemon.abandon(made.id) }
        await arrived.wait()
        broken.come()
        // It has failed before the daemon knows why.
        await abandoning.value
        second.tell(change(made.id, "web"))
        first.tell(.lost("it broke"))
        await detached.wait()
        #expect(await daemon.status().attachments.isEmpty)
        await daemon.quit()
    }

    @Test("an attachment whose command was told that it failed is ended when the manager has made it nevertheless")
    func madeOverDeadLink() async throws {
        let detached = Moment()
        let first = FakeSession("first", journal, attaching: { _ throws(DaemonFailure) in throw Self.gone })
        let second = successor(detached)
        let daemon = daemon { _, isAgain throws(DaemonFailure) in isAgain ? second : first }
        _ = try await daemon.connect(ConnectRequest(), progress: Self.silence)
        await #expect(throws: DaemonFailure.self) {
            try await daemon.intercept(AttachmentSpec(name: "web"), progress: Self.silence)
        }
        second.tell(change("other-1", "other"))
        second.tell(change("web-1", "web"))
        first.tell(.lost("it broke"))
        await detached.wait()
        #expect(journal.lines.contains("second detach web-1"))
        #expect(await daemon.status().attachments.map(\.id) == ["other-1"])
        await daemon.quit()
    }

    @Test("what the manager has announced of an attachment that failed is ended with it")
    func announcedOverDeadLink() async throws {
        let (arrived, broken, detached) = (Moment(), Moment(), Moment())
        let first = FakeSession(
            "first",
            journal,
            attaching: { _ throws(DaemonFailure) in
                arrived.come()
                await broken.wait()
                throw Self.gone
            },
            detaching: { _ throws(DaemonFailure) in throw Self.gone }
        )
        let second = successor(detached)
        let daemon = daemon { _, isAgain throws(DaemonFailure) in isAgain ? second : first }
        _ = try await daemon.connect(ConnectRequest(), progress: Self.silence)
        let making = Task { try await daemon.intercept(AttachmentSpec(name: "web"), progress: Self.silence) }
        await arrived.wait()
        first.tell(change("web-1", "web"))
        while await daemon.status().attachments.isEmpty { await Task.yield() }
        broken.come()
        await #expect(throws: DaemonFailure.self) { try await making.value }
        second.tell(change("web-1", "web"))
        first.tell(.lost("it broke"))
        await detached.wait()
        #expect(await daemon.status().attachments.isEmpty)
        await daemon.quit()
    }

    @Test("an attachment whose command is gone while the volumes are mounted is ended")
    func goneWhileMounting() async throws {
        let (arrived, mounted, detached) = (Moment(), Moment(), Moment())
        let session = successor(detached)
        let daemon = daemon(mounting: {
            arrived.come()
            await mounted.hold()
        }) { _, _ throws(DaemonFailure) in session }
        _ = try await daemon.connect(ConnectRequest(), progress: Self.silence)
        let making = Task {
            try await daemon.intercept(
                AttachmentSpec(name: "web"),
                mount: MountWish(manner: .fuse),
                progress: Self.silence
            )
        }
        await arrived.wait()
        making.cancel()
        mounted.come()
        await #expect(throws: DaemonFailure.self) { try await making.value }
        await detached.wait()
        #expect(await daemon.status().attachments.isEmpty)
        await daemon.quit()
    }
}
