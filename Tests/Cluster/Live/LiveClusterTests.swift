import Cluster
import Foundation
import Kubeconfig
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing

/// The client against a cluster that is there already: a sandbox, or a real one.
///
/// Runs only when `TELEPRESENCE_TEST_KUBECONFIG` names a kubeconfig. It makes a namespace and removes it. The image of the test pod
/// answers on `TELEPRESENCE_TEST_PORT` with what it got (default: `sample/echo`, 7000).
@Suite(.enabled(if: ProcessInfo.processInfo.environment["TELEPRESENCE_TEST_KUBECONFIG"] != nil))
struct LiveClusterTests {
    private static let environment = ProcessInfo.processInfo.environment
    private static let image = environment["TELEPRESENCE_TEST_IMAGE"] ?? "sample/echo"
    private static let port = environment["TELEPRESENCE_TEST_PORT"].flatMap { Int($0) } ?? 7000

    private func access() throws -> ClusterAccess {
        try Kubeconfig.load(path: Self.environment["TELEPRESENCE_TEST_KUBECONFIG"], environment: Self.environment)
            .access()
    }

    private func withNamespace(
        _ body: @escaping @Sendable (APIConnection, String) async throws -> Void
    ) async throws {
        let connection = APIConnection(access: try access())
        defer { connection.close() }
        let name = "client-test-\(UInt32.random(in: 0...UInt32.max))"
        _ = try await connection.create(
            .namespaces,
            ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
        )
        let result = await Task { try await within(.seconds(60)) { try await body(connection, name) } }.result
        try await connection.delete(.namespaces, name: name)
        try result.get()
    }

    private func pod(_ name: String) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": ["name": .string(name), "labels": ["app": .string(name)]],
            "spec": ["containers": [["name": "echo", "image": .string(Self.image)]]],
        ]
    }

    @Test("a config map is created, read, patched in three ways, listed and deleted") func objects() async throws {
        try await withNamespace { connection, namespace in
            let map: JSONValue = [
                "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "m"], "data": ["a": "1"],
            ]
            _ = try await connection.create(.configMaps, namespace: namespace, map)
            await #expect(throws: APIError.self) { try await connection.create(.configMaps, namespace: namespace, map) }
            let merged = try await connection.patch(
                .configMaps,
                namespace: namespace,
                name: "m",
                .merge(["data": ["b": "2"]])
            )
            #expect(merged["data"] == ["a": "1", "b": "2"])
            let patched = try await connection.patch(
                .configMaps,
                namespace: namespace,
                name: "m",
                .json(JSONPatch([.test("/data/b", "2"), .replace("/data/b", "3")]))
            )
            #expect(patched["data"] == ["a": "1", "b": "3"])
            let list = try await connection.list(.configMaps, namespace: namespace, pageSize: 1)
            #expect(list.items.contains { $0.at("metadata", "name") == "m" })
            try await connection.delete(.configMaps, namespace: namespace, name: "m")
            await #expect(throws: APIError.self) {
                try await connection.get(.configMaps, namespace: namespace, name: "m")
            }
        }
    }

    @Test("a watch tells of an object's life") func watch() async throws {
        try await withNamespace { connection, namespace in
            let (changes, continuation) = AsyncStream.makeStream(of: String.self)
            let selection = APISelection(labels: "watched=yes")
            let task = Task {
                try await ResourceWatch(connection, .configMaps, namespace: namespace, selection: selection).run {
                    change in
                    switch change {
                    case .all(let items): continuation.yield("all \(items.count)")
                    case .updated(let object): continuation.yield("updated \(object.at("data", "a")?.string ?? "")")
                    case .deleted: continuation.yield("deleted")
                    case .interrupted(let error): continuation.yield("interrupted \(error)")
                    }
                }
            }
            var iterator = changes.makeAsyncIterator()
            #expect(await iterator.next() == "all 0")
            _ = try await connection.create(
                .configMaps,
                namespace: namespace,
                [
                    "apiVersion": "v1", "kind": "ConfigMap", "metadata": ["name": "w", "labels": ["watched": "yes"]],
                    "data": ["a": "1"],
                ]
            )
            #expect(await iterator.next() == "updated 1")
            _ = try await connection.patch(.configMaps, namespace: namespace, name: "w", .merge(["data": ["a": "2"]]))
            #expect(await iterator.next() == "updated 2")
            try await connection.delete(.configMaps, namespace: namespace, name: "w")
            #expect(await iterator.next() == "deleted")
            task.cancel()
            _ = await task.result
        }
    }

    @Test("a pod becomes ready, is reached by port-forward, and is evicted") func pods() async throws {
        let access = try access()
        let pod = pod("echo")
        try await withNamespace { connection, namespace in
            _ = try await connection.create(.pods, namespace: namespace, pod)
            while try await !PodView(connection.get(.pods, namespace: namespace, name: "echo")).isReady {
                try await Task.sleep(for: .milliseconds(100))
            }
            let bytes = (0..<1_000_000).map { _ in UInt8.random(in: 0...255) }
            let received = Mutex<[UInt8]>([])
            let (done, continuation) = AsyncStream.makeStream(of: Void.self)
            let channel = try await PortForward.open(
                access: access,
                namespace: namespace,
                pod: "echo",
                port: Self.port,
                on: MultiThreadedEventLoopGroup.singleton.next()
            ) { channel in
                try channel.pipeline.syncOperations.addHandler(
                    Sink(failed: { _ in continuation.finish() }) { buffer in
                        let count = received.withLock {
                            $0 += buffer.readableBytesView
                            return $0.count
                        }
                        if count >= bytes.count { continuation.finish() }
                    }
                )
            }
            channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
            for await _ in done {}
            // As one truth value: a failed comparison of a million elements would be printed.
            let same = received.withLock { $0 } == bytes
            #expect(same)
            try await channel.close()
            try await connection.evict(pod: "echo", namespace: namespace)
            try await connection.evict(pod: "no-such-pod", namespace: namespace)
        }
    }

    @Test("a port that nobody listens on fails with the reason") func refusedPort() async throws {
        let access = try access()
        let pod = pod("quiet")
        try await withNamespace { connection, namespace in
            _ = try await connection.create(.pods, namespace: namespace, pod)
            while try await !PodView(connection.get(.pods, namespace: namespace, name: "quiet")).isReady {
                try await Task.sleep(for: .milliseconds(100))
            }
            let (errors, continuation) = AsyncStream.makeStream(of: String.self)
            let channel = try await PortForward.open(
                access: access,
                namespace: namespace,
                pod: "quiet",
                port: 4,
                on: MultiThreadedEventLoopGroup.singleton.next()
            ) { channel in
                try channel.pipeline.syncOperations.addHandler(Sink(failed: { continuation.yield("\($0)") }) { _ in })
            }
            channel.writeAndFlush(ByteBuffer(string: "hello"), promise: nil)
            var iterator = errors.makeAsyncIterator()
            #expect(await iterator.next()?.contains("refused") == true)
            try? await channel.close()
        }
    }

    @Test("what the user may do is told, and a missing pod is named") func permissions() async throws {
        let connection = APIConnection(access: try access())
        defer { connection.close() }
        #expect(
            try await connection.mayI(APIAccessQuestion(verb: "create", resource: .pods, subresource: "portforward"))
        )
        #expect(try await connection.review(token: "nonsense") == nil)
        #expect(try await !connection.serverVersion().isEmpty)
        do throws(APIError) {
            _ = try await connection.get(.pods, namespace: "default", name: "no-such-pod")
            Issue.record("found a pod that is not there")
        } catch {
            #expect(error.kind == .notFound)
            #expect(error.message.contains("no-such-pod"))
        }
    }
}

/// Hands bytes and errors to closures.
private final class Sink: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    private let failed: @Sendable (any Error) -> Void
    private let take: @Sendable (ByteBuffer) -> Void

    init(
        failed: @escaping @Sendable (any Error) -> Void = { _ in },
        _ take: @escaping @Sendable (ByteBuffer) -> Void
    ) {
        self.failed = failed
        self.take = take
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        take(unwrapInboundIn(data))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failed(error)
    }
}
