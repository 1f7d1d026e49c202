import Actor
import Call
import Cluster
import HTTP2
import Message
import NIOCore
import NIOPosix
import Testing
import TestSupport

@testable import Host

/// A session whose manager takes requests and answers none.
@Suite("Closing a session", .timeLimit(.minutes(1))) struct SessionCloseTests {
    @Test("a request that waits for its answer fails when its session is closed")
    func pendingRequest() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let (asked, ask) = AsyncStream.makeStream(of: Void.self)
        var router = CallRouter()
        router.bidirectional(ManagerCalls.session) { requests, _, _ in
            for try await request in requests {
                if case .attachRequest = request { ask.finish() }
            }
        }
        let calls = router
        let silent = LinkConfiguration { link in calls.serve(link) }
        let forward = try await LinkPair.connect(listener: silent, group: loop)
        let reverse = try await LinkPair.connect(group: loop)
        let client = CallClient(link: forward.dialler)
        let (requests, responses) = try await client.bidirectional(ManagerCalls.session)
        let facts = SessionFacts.example()
        let credential = try SessionCredential(authorities: [])
        let (there, back) = (forward.dialler, reverse.dialler)
        let session = try await loop.submit {
            RemoteManagerSession(
                facts: facts,
                way: ManagerWay(forward: there, reverse: back, name: facts.link),
                eventLoop: loop,
                client: client,
                requests: requests,
                credential: credential,
                source: StaticCredentialSource(.anonymous),
                logger: ManagerScene.logger
            )
        }.get()
        session.start(responses, keeper: nil)
        async let answer = Self.attach(session)
        for await _ in asked {}
        await session.close()
        #expect(await answer == DaemonFailure(.unavailable, "the connection was ended"))
        await forward.close()
        await reverse.close()
    }

    private static func attach(_ session: RemoteManagerSession) async -> DaemonFailure? {
        do throws(DaemonFailure) {
            _ = try await session.attach(AttachmentSpec(name: "web")) { _, _ in }
            return nil
        } catch {
            return error
        }
    }
}
