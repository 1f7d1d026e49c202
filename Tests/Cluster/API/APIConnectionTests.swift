import Cluster
import HTTP2
import NIOCore
import Synchronization
import TLS
import TestSupport
import Testing

@Suite struct APIConnectionTests {
    private func withServer<T: Sendable>(
        _ handler: @escaping TestAPIServer.Handler,
        _ body: @escaping @Sendable (TestAPIServer, APIConnection) async throws -> T
    ) async throws -> T {
        let server = try await TestAPIServer.start(handler)
        let connection = APIConnection(access: try server.access())
        defer { connection.close() }
        let result = try await within { try await body(server, connection) }
        await server.stop()
        return result
    }

    /// The error that an operation ends with.
    private func failure(of operation: () async throws(APIError) -> Void) async -> APIError? {
        do throws(APIError) {
            try await operation()
            return nil
        } catch {
            return error
        }
    }

    @Test("get sends the token and reads the object") func get() async throws {
        try await withServer { request in
            .json(
                200,
                [
                    "path": .string(request.path), "method": .string(request.method),
                    "auth": .string(request.fields["authorization"] ?? ""),
                ]
            )
        } _: { _, connection in
            let object = try await connection.get(.pods, namespace: "default", name: "a/b")
            #expect(object["path"]?.string == "/api/v1/namespaces/default/pods/a%2Fb")
            #expect(object["method"]?.string == "GET")
            #expect(object["auth"]?.string == "Bearer good")
        }
    }

    @Test("list follows the pages, and starts again when a page token has expired") func paging() async throws {
        let expired = Mutex(false)
        try await withServer { request in
            switch (request.query["continue"], request.query["limit"]) {
            case (nil, nil): return .json(200, ["items": ["all"], "metadata": ["resourceVersion": "9"]])
            case (nil, _): return .json(200, ["items": ["a"], "metadata": ["resourceVersion": "5", "continue": "t1"]])
            case ("t1", _) where expired.withLock({ $0 }):
                return .json(410, ["kind": "Status", "code": 410, "reason": "Expired"])
            default: return .json(200, ["items": ["b"], "metadata": ["resourceVersion": "5"]])
            }
        } _: { _, connection in
            let list = try await connection.list(.pods)
            #expect(list.items == ["a", "b"])
            #expect(list.resourceVersion == "5")
            expired.withLock { $0 = true }
            let again = try await connection.list(.pods)
            #expect(again.items == ["all"])
            #expect(again.resourceVersion == "9")
        }
    }

    @Test("a Status becomes an error in plain words") func statuses() async throws {
        try await withServer { request in
            switch request.path {
            case "/api/v1/namespaces/default/pods/forbidden":
                .json(
                    403,
                    [
                        "kind": "Status", "code": 403, "reason": "Forbidden",
                        "message": "pods \"forbidden\" is forbidden: User \"dev\" cannot get resource \"pods\"",
                    ]
                )
            case "/api/v1/namespaces/default/pods/unauthorized":
                .json(401, ["kind": "Status", "code": 401, "message": "Unauthorized"])
            case "/api/v1/namespaces/default/pods/missing":
                .json(404, ["kind": "Status", "code": 404, "message": "pods \"missing\" not found"])
            case "/api/v1/namespaces/default/pods/later":
                .json(503, ["kind": "Status", "code": 503], [HeaderField("retry-after", "7")])
            default: .json(200, .null)
            }
        } _: { server, connection in
            func error(_ name: String) async -> APIError? {
                await failure { () async throws(APIError) in
                    var request = APIRequest(.get, .pods, namespace: "default", name: name)
                    request.retriesWhenBusy = false
                    _ = try await connection.send(request)
                }
            }
            let forbidden = await error("forbidden")
            #expect(forbidden?.kind == .forbidden)
            #expect(forbidden?.message.contains("User \"dev\" cannot get resource") == true)
            let unauthorized = await error("unauthorized")
            #expect(unauthorized?.kind == .unauthorized)
            #expect(unauthorized?.message.contains("user \"dev\" in context \"test\"") == true)
            #expect(unauthorized?.message.contains("log in again") == true)
            #expect(await error("missing")?.kind == .notFound)
            let later = await error("later")
            #expect(later?.kind == .serverFailure)
            #expect(later?.retryAfterSeconds == 7)
        }
    }

    @Test("a refused token is renewed once") func renewal() async throws {
        struct Renewing: CredentialSource {
            let asked = Counter()
            var canRefresh: Bool { true }
            func credential(afterRefusal: Bool) async throws(CredentialError) -> Credential {
                if afterRefusal { asked.increment() }
                return Credential(token: asked.value > 0 ? "new" : "old")
            }
        }
        let server = try await TestAPIServer.start { request in
            request.fields["authorization"] == "Bearer new" ? .json(200, ["ok": true]) : .json(401, .null)
        }
        let source = Renewing()
        let connection = APIConnection(access: try server.access(credentials: source))
        let object = try await within { try await connection.get(.pods, namespace: "default", name: "x") }
        #expect(object["ok"]?.bool == true)
        #expect(source.asked.value == 1)
        connection.close()
        await server.stop()
    }

    @Test("a lost connection is made again, and a read repeated") func reconnect() async throws {
        let requests = Counter()
        try await withServer { _ in
            requests.increment() == 2 ? .hangUp : .json(200, ["ok": true])
        } _: { server, connection in
            for _ in 0..<3 { _ = try await connection.get(.pods, namespace: "default", name: "x") }
            #expect(server.connections.value == 2)
            server.cut()
            // The cut may be noticed only by the request.
            _ = try await connection.get(.pods, namespace: "default", name: "x")
        }
    }

    @Test("a change is not repeated when the server may have done it") func noRepeat() async throws {
        let requests = Counter()
        try await withServer { _ in
            requests.increment()
            return .hangUp
        } _: { _, connection in
            let error = await failure { () async throws(APIError) in
                _ = try await connection.create(.pods, namespace: "default", ["kind": "Pod"])
            }
            #expect(error?.kind == .unreachable)
            #expect(requests.value == 1)
        }
    }

    @Test("a request that is not answered ends in time, and others go on") func timeouts() async throws {
        try await withServer { request in
            request.path.hasSuffix("/silent") ? .silence : .json(200, .null)
        } _: { _, connection in
            let error = await failure { () async throws(APIError) in
                _ = try await connection.send(
                    APIRequest(.get, .pods, namespace: "default", name: "silent"),
                    timeout: .milliseconds(200)
                )
            }
            #expect(error?.kind == .timedOut)
            _ = try await connection.get(.pods, namespace: "default", name: "x")
        }
    }

    @Test("cancelling the task ends the request") func cancellation() async throws {
        let arrived = Counter()
        try await withServer { _ in
            arrived.increment()
            return .silence
        } _: { _, connection in
            let task = Task {
                await failure { () async throws(APIError) in
                    _ = try await connection.get(.pods, namespace: "default", name: "x")
                }
            }
            while arrived.value == 0 { await Task.yield() }
            task.cancel()
            #expect(await task.value?.kind == .cancelled)
        }
    }

    @Test("patches carry their type, applies their manager") func patches() async throws {
        try await withServer { request in
            .json(
                200,
                [
                    "type": .string(request.fields["content-type"] ?? ""), "body": request.json,
                    "manager": .string(request.query["fieldManager"] ?? ""), "method": .string(request.method),
                ]
            )
        } _: { _, connection in
            let json = try await connection.patch(
                .pods,
                namespace: "d",
                name: "x",
                .json(JSONPatch([.remove("/a")]))
            )
            #expect(json["type"]?.string == "application/json-patch+json")
            #expect(json["body"] == [["op": "remove", "path": "/a"]])
            let apply = try await connection.patch(
                .pods,
                namespace: "d",
                name: "x",
                .apply(["a": 1], manager: "telepresence", force: true)
            )
            #expect(apply["type"]?.string == "application/apply-patch+yaml")
            #expect(apply["manager"]?.string == "telepresence")
            #expect(apply["method"]?.string == "PATCH")
        }
    }

    @Test("an eviction of a pod that is gone succeeds, one against a budget does not") func eviction() async throws {
        try await withServer { request in
            request.path.contains("/gone/")
                ? .json(404, ["kind": "Status", "code": 404])
                : .json(
                    429,
                    ["kind": "Status", "code": 429, "message": "it would violate the pod's disruption budget"]
                )
        } _: { _, connection in
            try await connection.evict(pod: "gone", namespace: "d")
            let error = await failure { () async throws(APIError) in
                try await connection.evict(pod: "kept", namespace: "d")
            }
            #expect(error?.kind == .tooManyRequests)
            #expect(error?.message.contains("disruption budget") == true)
        }
    }

    @Test("token and access reviews are asked and read") func reviews() async throws {
        try await withServer { request in
            if request.path.hasSuffix("/tokenreviews") {
                return request.json.at("spec", "token") == "t"
                    ? .json(
                        201,
                        ["status": ["authenticated": true, "user": ["username": "u", "groups": ["g"]]]]
                    ) : .json(201, ["status": ["authenticated": false]])
            }
            let allowed = request.json.at("spec", "resourceAttributes", "subresource") == "portforward"
            return .json(201, ["status": ["allowed": .bool(allowed)]])
        } _: { _, connection in
            let user = try await connection.review(token: "t")
            #expect(user == APIUser(name: "u", groups: ["g"]))
            #expect(try await connection.review(token: "other") == nil)
            // Audiences that the server does not confirm do not count.
            #expect(try await connection.review(token: "t", audiences: ["telepresence"]) == nil)
            let question = APIAccessQuestion(
                verb: "create",
                resource: .pods,
                subresource: "portforward",
                namespace: "d"
            )
            #expect(try await connection.isAllowed(APIUser(name: "u"), question))
            #expect(try await !connection.mayI(APIAccessQuestion(verb: "list", resource: .pods)))
        }
    }

    @Test("connections that cannot be made say why") func connecting() async throws {
        let server = try await TestAPIServer.start { _ in .json(200, .null) }
        let refusedPort = server.port
        let other = try CertificateAuthority(commonName: "other CA")
        func error(_ access: ClusterAccess) async -> APIError? {
            let connection = APIConnection(access: access)
            defer { connection.close() }
            return await failure { () async throws(APIError) in _ = try await connection.serverVersion() }
        }
        var access = try server.access()
        access.endpoint.authorities = other.certificatePEM
        let untrusted = await error(access)
        #expect(untrusted?.kind == .untrusted)
        #expect(untrusted?.message.contains("certificate-authority") == true)

        var named = try server.access()
        named.endpoint.tlsServerName = "kubernetes"
        #expect(await error(named)?.kind == .untrusted)

        await server.stop()
        let refused = ClusterAccess(
            endpoint: try ClusterEndpoint(url: "https://127.0.0.1:\(refusedPort)"),
            credentials: StaticCredentialSource(.anonymous)
        )
        let unreachable = await error(refused)
        #expect(unreachable?.kind == .unreachable)
        #expect(unreachable?.message.contains("refused the connection") == true, "\(unreachable?.message ?? "")")

        let nameless = ClusterAccess(
            endpoint: try ClusterEndpoint(url: "https://no-such-host.invalid"),
            credentials: StaticCredentialSource(.anonymous)
        )
        let unknown = await error(nameless)
        #expect(unknown?.kind == .unreachable)
        #expect(unknown?.message.contains("cannot be resolved") == true)
    }

    @Test("many requests share one connection") func many() async throws {
        try await withServer { request in
            .json(200, ["path": .string(request.path)])
        } _: { server, connection in
            try await withThrowingTaskGroup(of: Bool.self) { group in
                for index in 0..<300 {
                    group.addTask {
                        let object = try await connection.get(.pods, namespace: "d", name: "p\(index)")
                        return object["path"]?.string == "/api/v1/namespaces/d/pods/p\(index)"
                    }
                }
                for try await right in group { #expect(right) }
            }
            #expect(server.connections.value == 1)
        }
    }
}
