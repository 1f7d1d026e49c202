import Cluster
import Foundation
import Kernel
import Logging
import NIOCore
import NIOPosix
import TLS
import Testing
import TestSupport

/// Asks the server as others would: with curl, over TLS by a CA that openssl made.
@Suite(.ownThreads, .serialized) final class AdmissionServerTests {
    private let folder: URL
    private let authority: String

    init() async throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "admission-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        authority = folder.appending(path: "ca.pem").path
        let key = folder.appending(path: "ca.key").path
        let request = folder.appending(path: "server.csr").path
        let names = folder.appending(path: "names").path
        try Data("subjectAltName=DNS:agent-injector.ambassador.svc,DNS:localhost\n".utf8)
            .write(to: URL(filePath: names))
        func openssl(_ arguments: String) async throws {
            let result = try await run("openssl", arguments.split(separator: " ").map(String.init))
            try #require(result.status == 0, "\(result.errors)")
        }
        let curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
        try await openssl("req -x509 \(curve) -keyout \(key) -out \(authority) -days 2 -subj /CN=test-ca")
        try await openssl("req \(curve) -keyout \(file("server.key")) -out \(request) -subj /CN=injector")
        try await openssl(
            "x509 -req -in \(request) -CA \(authority) -CAkey \(key) -CAcreateserial -days 2 "
                + "-extfile \(names) -out \(file("server.pem"))"
        )
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func file(_ name: String) -> String { folder.appending(path: name).path }

    private struct Result {
        var status: Int32
        var output: String
        var errors: String
    }

    /// Runs a program on a thread of its own: the server's handlers need those of the tests.
    private func run(_ program: String, _ arguments: [String]) async throws -> Result {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { [folder] in
                continuation.resume(with: Swift.Result { try Self.runToEnd(program, arguments, in: folder) })
            }
        }
    }

    private static func runToEnd(_ program: String, _ arguments: [String], in folder: URL) throws -> Result {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/env")
        process.arguments = [program] + arguments
        let output = Pipe()
        let errors = folder.appending(path: UUID().uuidString)
        try Data().write(to: errors)
        process.standardOutput = output
        process.standardError = try FileHandle(forWritingTo: errors)
        try process.run()
        let printed = output.fileHandleForReading.drained()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus,
            output: String(decoding: printed, as: UTF8.self),
            errors: try String(contentsOf: errors, encoding: .utf8)
        )
    }

    /// A machine that has much else to do may take its time.
    private static var patient: AdmissionServer.Limits {
        var limits = AdmissionServer.Limits()
        limits.handlerTime = .seconds(60)
        return limits
    }

    /// Runs a body beside a server on a free port.
    private func withServer(
        limits: AdmissionServer.Limits = patient,
        handler: @escaping AdmissionServer.Handler,
        _ body: (_ server: AdmissionServer, _ port: Int) async throws -> Void
    ) async throws {
        let identity = TLSIdentity(
            certificateChainPEM: [UInt8](try Data(contentsOf: URL(filePath: file("server.pem")))),
            privateKeyPEM: [UInt8](try Data(contentsOf: URL(filePath: file("server.key"))))
        )
        let server = try AdmissionServer(
            group: MultiThreadedEventLoopGroup.singleton,
            identity: identity,
            limits: limits,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            handler: handler
        )
        let address = try await server.start(host: "127.0.0.1", port: 0)
        do {
            try await body(server, try #require(address.port))
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
    }

    /// What curl prints, followed by the status.
    private func curl(_ port: Int, _ path: String, _ more: String...) async throws -> (status: Int, body: String) {
        let result = try await run(
            "curl",
            [
                "-sS", "--max-time", "10", "--cacert", authority, "-w", "\n%{http_code}",
                "--resolve", "agent-injector.ambassador.svc:\(port):127.0.0.1",
            ] + more + ["https://agent-injector.ambassador.svc:\(port)\(path)"]
        )
        try #require(result.status == 0, "\(result.errors)")
        let end = try #require(result.output.lastIndex(of: "\n"))
        let status = try #require(Int(result.output[result.output.index(after: end)...]))
        return (status, String(result.output[..<end]))
    }

    private func post(
        _ port: Int,
        _ body: JSONValue,
        path: String = "/traffic-agent?timeout=5s"
    ) async throws -> JSONValue {
        try Data(body.serialized()).write(to: URL(filePath: file("body")))
        let answer = try await curl(
            port,
            path,
            "-H",
            "content-type: application/json",
            "--data-binary",
            "@\(file("body"))"
        )
        try #require(answer.status == 200, "\(answer.body)")
        return try JSONValue.parse(answer.body)
    }

    private func review(dryRun: Bool = false, padding: Int = 0) -> JSONValue {
        [
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": [
                "uid": "u-1", "kind": ["group": "", "version": "v1", "kind": "Pod"], "operation": "CREATE",
                "namespace": "default", "userInfo": ["username": "dev"], "dryRun": .bool(dryRun),
                "object": [
                    "spec": ["containers": [["name": "a"]]],
                    "metadata": ["annotations": ["p": .string(String(repeating: "x", count: padding))]],
                ],
            ],
        ]
    }

    @Test("a review is answered with a patch that applies to the object") func patched() async throws {
        let patch = JSONPatch([.add("/metadata/labels", ["ü": "~/"])])
        try await withServer(handler: { request in
            #expect(request.operation == "CREATE")
            #expect(request.kind == "Pod")
            #expect(request.namespace == "default")
            #expect(request.userName == "dev")
            return .allow(request.dryRun ? nil : patch, warnings: ["careful\nnow"])
        }) { _, port in
            // Large: the body comes in many pieces.
            let answer = try await post(port, review(padding: 1 << 20))
            #expect(answer["kind"] == "AdmissionReview")
            #expect(answer["apiVersion"] == "admission.k8s.io/v1")
            let response = try #require(answer["response"])
            #expect(response["uid"] == "u-1")
            #expect(response["allowed"] == true)
            #expect(response["patchType"] == "JSONPatch")
            #expect(response["warnings"] == ["careful now"])
            let text = try #require(response["patch"]?.string.flatMap { Data(base64Encoded: $0) })
            #expect(try JSONPatch(json: JSONValue.parse([UInt8](text))) == patch)
            let dry = try await post(port, review(dryRun: true))
            #expect(dry.at("response", "allowed") == true)
            #expect(dry.at("response", "patch") == nil)
        }
    }

    @Test("a handler can refuse") func refused() async throws {
        try await withServer(handler: { _ in .refuse("no") }) { _, port in
            let response = try await post(port, review())["response"]
            #expect(response?["allowed"] == false)
            #expect(response?["status"] == ["code": 403, "message": "no"])
        }
    }

    @Test("a handler that fails or hangs lets the pod through with a warning", arguments: [false, true])
    func failsOpen(hangs: Bool) async throws {
        struct Broken: Error {}
        var limits = Self.patient
        if hangs { limits.handlerTime = .milliseconds(100) }
        try await withServer(
            limits: limits,
            handler: { _ in
                // Ends by cancellation, when the server gives up on it.
                if hangs { try await Task.sleep(for: .seconds(3600)) }
                throw Broken()
            }
        ) { _, port in
            let response = try await post(port, review())["response"]
            #expect(response?["allowed"] == true)
            #expect(response?["patch"] == nil)
            let warning = try #require(response?["warnings"]?[0]?.string)
            #expect(warning.contains(hangs ? "too long" : "Broken"))
        }
    }

    @Test("what is no review, or comes the wrong way, is refused plainly") func wrong() async throws {
        var limits = Self.patient
        limits.bodySize = 100_000
        try await withServer(limits: limits, handler: { _ in .allow() }) { _, port in
            func post(_ body: String, type: String = "application/json", chunked: Bool = false) async throws -> Int {
                try Data(body.utf8).write(to: URL(filePath: file("body")))
                return try await curl(
                    port,
                    "/traffic-agent",
                    "-H",
                    "content-type: \(type)",
                    "-H",
                    chunked ? "transfer-encoding: chunked" : "x-plain: 1",
                    "--data-binary",
                    "@\(file("body"))"
                ).status
            }
            let reviews = [
                "{", "[]", "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1beta1\"}",
                "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\"}",
            ]
            for review in reviews {
                let status = try await post(review)
                #expect(status == 400, "\(review)")
            }
            let statuses = [
                try await post("{}", type: "text/plain"), try await post(String(repeating: " ", count: 100_001)),
                try await post(String(repeating: " ", count: 200_000), chunked: true),
                try await curl(port, "/traffic-agent").status, try await curl(port, "/else").status,
                try await curl(port, "/healthz", "-X", "DELETE").status,
            ]
            #expect(statuses == [415, 413, 413, 405, 404, 405])
            let health = try await curl(port, "/healthz")
            #expect(health == (200, "ok\n"))
        }
    }

    @Test("the connection is kept for the next request") func keepAlive() async throws {
        try await withServer(handler: { _ in .allow() }) { _, port in
            let url = "https://localhost:\(port)/healthz"
            let result = try await run(
                "curl",
                ["-sS", "--max-time", "10", "--cacert", authority, "-w", "%{num_connects} ", url, url, url]
            )
            #expect(result.output == "ok\n1 ok\n0 ok\n0 ")
        }
    }

    @Test("a request that does not come to its end is given up") func dripping() async throws {
        var limits = Self.patient
        limits.requestTime = .milliseconds(300)
        try await withServer(limits: limits, handler: { _ in .allow() }) { _, port in
            let lines = [
                "POST /traffic-agent HTTP/1.1", "Host: x", "Content-Type: application/json", "Content-Length: 9",
            ]
            let head = lines.map { $0 + "\\r\\n" }.joined() + "\\r\\n"
            let fifo = file("fifo")
            // Descriptor 3 keeps the request open.
            let script = """
                mkfifo \(fifo); exec 3<>\(fifo); printf '\(head)' >&3
                timeout 30 openssl s_client -quiet -connect 127.0.0.1:\(port) <\(fifo) 3>&-
                """
            let result = try await run("sh", ["-c", script])
            #expect(result.status != 124, "\(result.errors)")
            #expect(try await curl(port, "/healthz").status == 200)
        }
    }

    @Test("there are no more connections than there may be") func crowded() async throws {
        var limits = Self.patient
        limits.connections = 1
        try await withServer(limits: limits, handler: { _ in .allow() }) { _, port in
            let url = "https://localhost:\(port)/healthz"
            let first = try Sockets.connectTCP(InternetEndpoint(.loopbackV4, port: UInt16(port)))
            /// Asks until it is answered, or is not.
            func answered(_ wanted: Bool) async throws -> Bool {
                let deadline = ContinuousClock.now + .seconds(20)
                while ContinuousClock.now < deadline {
                    let result = try await run("curl", ["-sS", "--max-time", "10", "--cacert", authority, url])
                    if (result.status == 0) == wanted { return true }
                }
                return false
            }
            #expect(try await answered(false))
            first.close()
            #expect(try await answered(true))
        }
    }

    @Test("a new certificate is shown to those who connect afterwards") func renewed() async throws {
        try await withServer(handler: { _ in .allow() }) { server, port in
            let other = try CertificateAuthority(commonName: "another authority")
            try server.use(try other.issue(commonName: "x", dnsNames: ["agent-injector.ambassador.svc"]))
            let pem = file("other.pem")
            try Data(other.certificatePEM).write(to: URL(filePath: pem))
            let result = try await run(
                "curl",
                ["-sS", "--max-time", "10", "--cacert", authority, "https://localhost:\(port)/healthz"]
            )
            #expect(result.status == 60)
            #expect(try await curl(port, "/healthz", "--cacert", pem).status == 200)
        }
    }
}
