import Cluster
import HTTP2
import Synchronization
import TestSupport
import Testing

@Suite struct ResourceWatchTests {
    private static func pod(_ name: String, _ version: String) -> JSONValue {
        ["metadata": ["name": .string(name), "resourceVersion": .string(version)]]
    }

    /// What a watch told, in short.
    private static func summary(_ change: ResourceChange) -> String {
        switch change {
        case .all(let items): "all " + items.compactMap { $0.at("metadata", "name")?.string }.joined(separator: ",")
        case .updated(let object): "updated " + (object.at("metadata", "name")?.string ?? "?")
        case .deleted(let object): "deleted " + (object.at("metadata", "name")?.string ?? "?")
        case .interrupted(let error): "interrupted \(error.kind)"
        }
    }

    /// Runs a watch until it has told `count` changes.
    private func changes(_ count: Int, _ handler: @escaping TestAPIServer.Handler) async throws -> [String] {
        let server = try await TestAPIServer.start(handler)
        let connection = APIConnection(access: try server.access())
        let told = Mutex<[String]>([])
        let (done, continuation) = AsyncStream.makeStream(of: Void.self)
        let task = Task {
            try await ResourceWatch(connection, .pods).run { change in
                let number = told.withLock {
                    $0.append(Self.summary(change))
                    return $0.count
                }
                if number == count { continuation.finish() }
            }
        }
        try await within { for await _ in done {} }
        task.cancel()
        _ = try? await within { await task.result }
        connection.close()
        await server.stop()
        return told.withLock { Array($0.prefix(count)) }
    }

    @Test("a watch goes on from the last event or bookmark after its connection was lost") func resume() async throws {
        let versions = Mutex<[String]>([])
        let told = try await changes(5) { request in
            guard request.query["watch"] == "true" else {
                return .json(200, ["items": [Self.pod("a", "1")], "metadata": ["resourceVersion": "1"]])
            }
            let version = request.query["resourceVersion"] ?? ""
            versions.withLock { $0.append(version) }
            switch version {
            case "1":
                return .lines(
                    [
                        ["type": "ADDED", "object": Self.pod("b", "2")],
                        ["type": "BOOKMARK", "object": ["metadata": ["resourceVersion": "4"]]],
                    ],
                    then: .hangUp
                )
            case "4": return .lines([["type": "DELETED", "object": Self.pod("a", "5")]], then: .end)
            default: return .lines([["type": "MODIFIED", "object": Self.pod("b", "6")]], then: .hold)
            }
        }
        #expect(told == ["all a", "updated b", "interrupted unreachable", "deleted a", "updated b"])
        #expect(versions.withLock { $0 } == ["1", "4", "5"])
    }

    @Test("an expired version, as status or as event, means a new list") func gone() async throws {
        let lists = Counter()
        let told = try await changes(4) { request in
            guard request.query["watch"] == "true" else {
                let number = lists.increment()
                return .json(
                    200,
                    ["items": [Self.pod("p\(number)", "1")], "metadata": ["resourceVersion": .string("\(number)0")]]
                )
            }
            switch request.query["resourceVersion"] {
            case "10": return .json(410, ["kind": "Status", "code": 410, "reason": "Expired"])
            case "20":
                return .lines(
                    [["type": "ERROR", "object": ["kind": "Status", "code": 410, "reason": "Expired"]]],
                    then: .end
                )
            default: return .lines([["type": "ADDED", "object": Self.pod("new", "31")]], then: .hold)
            }
        }
        #expect(told == ["all p1", "all p2", "all p3", "updated new"])
    }

    @Test("a server that is too busy is asked again after the time it names") func busy() async throws {
        let watches = Counter()
        let start = ContinuousClock.now
        let told = try await changes(3) { request in
            guard request.query["watch"] == "true" else {
                return .json(200, ["items": [], "metadata": ["resourceVersion": "1"]])
            }
            return watches.increment() == 1
                ? .json(429, ["kind": "Status", "code": 429], [HeaderField("retry-after", "1")])
                : .lines([["type": "ADDED", "object": Self.pod("a", "2")]], then: .hold)
        }
        #expect(told == ["all ", "interrupted tooManyRequests", "updated a"])
        #expect(ContinuousClock.now - start >= .seconds(1))
    }

    @Test("a list that is not allowed ends the watch with its reason") func forbidden() async throws {
        let server = try await TestAPIServer.start { _ in .json(403, ["kind": "Status", "code": 403, "message": "no"]) }
        let connection = APIConnection(access: try server.access())
        let task = Task { try await ResourceWatch(connection, .pods).run { _ in } }
        let result = try await within { await task.result }
        #expect { try result.get() } throws: { ($0 as? APIError)?.kind == .forbidden }
        connection.close()
        await server.stop()
    }
}
