import Call
import Foundation
import Glibc
import Logging
import Message
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Host

/// Who may call a daemon: the socket's mode keeps others out, and where it does not, the kernel's word about the caller does.
@Suite("The daemons' sockets", .ownThreads, .enabled(if: geteuid() == 0), .serialized)
struct CallSocketTests {
    /// Nobody's: no account needs to exist for it.
    private static let stranger = "54321"

    private let directory = "/tmp/call-socket-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    private var socket: String { directory + "/userd.sock" }

    private func listening(
        users: [UInt32] = [0],
        _ body: () async throws -> Void
    ) async throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        chmod(directory, 0o755)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        var router = CallRouter()
        router.unary(UserDaemonCalls.version) { _, _ in VersionInfo(version: "1", name: "userd") }
        let server = try await CallSocket.listen(
            path: socket,
            router: router,
            users: users,
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
        do { try await body() } catch { Issue.record(error) }
        try await server.close()
    }

    /// What curl says of a request as this user: the status of its answer, or the reason why there is none.
    private func ask(as user: String) throws -> (status: Int32, output: String) {
        try Programs.run([
            "/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "--",
            "/usr/bin/curl", "-sS", "--max-time", "20", "--http2-prior-knowledge", "--unix-socket", socket,
            "-o", "/dev/null", "-w", "%{http_code}", "http://userd/",
        ])
    }

    @Test("another user cannot even connect, by the socket's mode")
    func mode() async throws {
        try await listening { () async throws in
            var information = stat()
            #expect(stat(socket, &information) == 0)
            #expect(information.st_mode & 0o777 == 0o600)
            #expect(try ask(as: "0").output == "404")
            // curl's 7: could not connect.
            #expect(try ask(as: Self.stranger).status == 7)
        }
    }

    @Test("another user who can connect gets no answer, by the kernel's word")
    func credentials() async throws {
        try await listening { () async throws in
            chmod(socket, 0o666)
            #expect(try ask(as: "0").output == "404")
            let refused = try ask(as: Self.stranger)
            #expect(refused.status != 0 && refused.output == "000")
        }
    }

    @Test("the user that the daemon works for may call, and root; the socket is that user's")
    func owner() async throws {
        try await listening(users: [54_321]) { () async throws in
            #expect(try ask(as: Self.stranger).output == "404")
            #expect(try ask(as: "0").output == "404")
            chmod(socket, 0o666)
            #expect(try ask(as: "54322").output == "000")
        }
    }

    @Test("a second daemon is refused where one listens, and takes the place of one that was killed")
    func occupied() async throws {
        try await listening { () async throws in
            await #expect(throws: CallSocket.Problem.self) { try await listening { () async throws in } }
        }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        #expect(FileManager.default.createFile(atPath: socket, contents: nil))
        try await listening { () async throws in #expect(try ask(as: "0").output == "404") }
    }
}
