import Actor
import Glibc
import Kernel
import Message
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Host

/// The workstation's network with a device that makes nothing.
@Suite("The workstation's network", .timeLimit(.minutes(1))) struct WorkstationRuntimeTests {
    /// Says when it is opened, and waits until the test lets it go on.
    private final class SlowDevice: WorkstationDevice {
        let opening: AsyncStream<Void>
        private let arrived: AsyncStream<Void>.Continuation
        private let held: AsyncStream<Void>
        private let release: AsyncStream<Void>.Continuation
        private let isOpen = Mutex(false)
        private let closings = Mutex(0)

        /// It is there, and nobody has closed it since.
        var isLeft: Bool { isOpen.withLock { $0 } }
        var closes: Int { closings.withLock { $0 } }

        init() {
            (opening, arrived) = AsyncStream.makeStream()
            (held, release) = AsyncStream.makeStream()
        }

        func goOn() { release.finish() }

        func open(
            _ request: ConnectRequest,
            facts: SessionFacts,
            routes: [InternetPrefix],
            lost: @escaping @Sendable (String) -> Void
        ) async throws(DaemonFailure) -> DeviceParts {
            arrived.finish()
            for await _ in held {}
            isOpen.withLock { $0 = true }
            do throws(SystemError) {
                return DeviceParts(
                    facts: NetworkFacts(interface: "none", dnsHook: "none"),
                    tun: try Descriptor.open("/dev/null", flags: O_RDWR),
                    listeners: []
                )
            } catch {
                throw DaemonFailure(.failed, "\(error)")
            }
        }

        func close() async {
            closings.withLock { $0 += 1 }
            isOpen.withLock { $0 = false }
        }
    }

    /// A session of which only the facts are asked.
    private final class NoSession: ManagerSession {
        let facts = SessionFacts.example()
        let events = AsyncStream<SessionEvent> { $0.finish() }

        func attach(
            _ spec: AttachmentSpec,
            progress: @escaping ProgressReport
        ) async throws(DaemonFailure)
            -> Message.Attachment
        {
            throw DaemonFailure(.unavailable, "there is no manager")
        }
        func detach(_ id: String) async throws(DaemonFailure) {}
        func revoke(holder: String, name: String, namespace: String) async throws(DaemonFailure) {}
        func noteUse() {}
        func workloads(namespace: String) async throws(DaemonFailure) -> [Workload] { [] }
        func removeAgents(_ request: RemoveAgentsRequest) async throws(DaemonFailure) -> RemoveAgentsResult {
            RemoveAgentsResult()
        }
        func figures() async -> LinkFigures { LinkFigures() }
        func links() async -> [LinkStatus] { [] }
        func close() async {}
    }

    private static func runtime(_ devices: [String: SlowDevice]) async throws -> WorkstationRuntime {
        try await WorkstationRuntime(
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            volumeSocket: "/nonexistent/volumes",
            executable: "/nonexistent/telepresence",
            logger: ManagerScene.logger
        ) { request in devices[request.context] ?? SlowDevice() }
    }

    private static func setUp(_ runtime: WorkstationRuntime, _ context: String) async -> DaemonFailure? {
        do throws(DaemonFailure) {
            _ = try await runtime.setUp(
                ConnectRequest(context: context),
                session: NoSession(),
                progress: { _, _ in },
                lost: { _ in }
            )
            return nil
        } catch {
            return error
        }
    }

    @Test("a device that is made after its connection was undone is closed, and the next one's is not touched")
    func lateDevice() async throws {
        let (first, second) = (SlowDevice(), SlowDevice())
        let runtime = try await Self.runtime(["first": first, "second": second])
        async let early = Self.setUp(runtime, "first")
        for await _ in first.opening {}
        await runtime.tearDown()
        async let late = Self.setUp(runtime, "second")
        for await _ in second.opening {}
        first.goOn()
        #expect(await early != nil)
        #expect(!first.isLeft)
        #expect(second.closes == 0)
        second.goOn()
        _ = await late
        await runtime.tearDown()
        #expect(!second.isLeft)
        #expect(second.closes > 0)
    }
}
