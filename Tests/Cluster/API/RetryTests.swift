import HTTP2
import Synchronization
import TestSupport
import Testing

@testable import Cluster

@Suite(.timeLimit(.minutes(1))) struct RetryTests {
    @Test("429 comes again for every verb, 5xx only where it does no harm") func verbs() {
        func wait(_ status: Int, _ repeatable: Bool) -> Double? {
            var machine = RetryMachine()
            return machine.onStatus(status, retryAfter: nil, repeatable: repeatable, remaining: 30, jitter: 1)
        }
        #expect(wait(429, false) == 0.25)
        #expect(wait(503, true) == 0.25)
        #expect(wait(503, false) == nil)
        #expect(wait(500, true) == 0.25)
        #expect(wait(404, true) == nil)
        #expect(wait(200, true) == nil)
    }

    @Test("waits double up to eight seconds, end after eight, and keep to the time that is left") func waits() {
        var machine = RetryMachine()
        var waits: [Double] = []
        while let wait = machine.onStatus(429, retryAfter: nil, repeatable: false, remaining: 100, jitter: 1) {
            waits.append(wait)
        }
        #expect(waits == [0.25, 0.5, 1, 2, 4, 8, 8, 8])
        var late = RetryMachine()
        #expect(late.onStatus(429, retryAfter: 2, repeatable: true, remaining: 1.9, jitter: 0) == nil)
        #expect(late.onStatus(429, retryAfter: 2, repeatable: true, remaining: 3, jitter: 0) == 2)
        #expect(late.onStatus(429, retryAfter: 3600, repeatable: true, remaining: 1e9, jitter: 0) == nil)
    }

    @Test("a busy server is asked again after the time that it names, a change too") func busy() async throws {
        let requests = Mutex<[String]>([])
        let server = try await TestAPIServer.start { request in
            let count = requests.withLock {
                $0.append(request.method)
                return $0.count
            }
            return count % 3 == 0
                ? .json(200, ["kind": "Pod"])
                : .json(429, ["kind": "Status", "code": 429], [HeaderField("retry-after", "0")])
        }
        let connection = APIConnection(access: try server.access())
        _ = try await within { try await connection.get(.pods, namespace: "d", name: "p") }
        _ = try await within { try await connection.create(.pods, namespace: "d", ["kind": "Pod"]) }
        #expect(requests.withLock { $0 } == ["GET", "GET", "GET", "POST", "POST", "POST"])
        connection.close()
        await server.stop()
    }

    @Test("a change that may have been made is not made again, an apply is") func harm() async throws {
        let requests = Mutex<[String]>([])
        let server = try await TestAPIServer.start { request in
            let count = requests.withLock {
                $0.append(request.method)
                return $0.count
            }
            return count == 3 ? .json(200, ["kind": "Pod"]) : .json(503, ["kind": "Status", "code": 503])
        }
        let connection = APIConnection(access: try server.access())
        let error = await #expect(throws: APIError.self) {
            try await within { try await connection.create(.pods, namespace: "d", ["kind": "Pod"]) }
        }
        #expect(error?.kind == .serverFailure)
        _ = try await within {
            try await connection.patch(
                .pods,
                namespace: "d",
                name: "p",
                .apply(["kind": "Pod"], manager: "telepresence", force: true)
            )
        }
        #expect(requests.withLock { $0 } == ["POST", "PATCH", "PATCH"])
        connection.close()
        await server.stop()
    }

    @Test("--request-timeout bounds a request") func timeout() async throws {
        let server = try await TestAPIServer.start { _ in .silence }
        var access = try server.access()
        access.requestTimeout = .milliseconds(100)
        let connection = APIConnection(access: access)
        let error = await #expect(throws: APIError.self) {
            try await within { try await connection.get(.pods, namespace: "d", name: "p") }
        }
        #expect(error?.kind == .timedOut)
        connection.close()
        await server.stop()
    }
}
