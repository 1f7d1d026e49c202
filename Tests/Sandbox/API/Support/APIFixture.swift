import Cluster
import Foundation
import Glibc
import NIOCore
import Sandbox
import TLS

/// An API server on loopback, with an authority, an administrator and a node that is this very process.
final class APIFixture: Sendable {
    let api: ObjectAPI
    let authority: CertificateAuthority
    let listener: APIListener
    let directory: URL
    let faults: FaultInjector
    /// The administrator's kubeconfig; contexts `admin`, `jane` (token `jane-token`) and `late` (an expired token).
    var kubeconfig: String { self.directory.appendingPathComponent("config").path }
    var url: String { "https://127.0.0.1:\(self.listener.port)" }

    private init(
        api: ObjectAPI,
        authority: CertificateAuthority,
        listener: APIListener,
        directory: URL,
        faults: FaultInjector
    ) {
        self.api = api
        self.faults = faults
        self.authority = authority
        self.listener = listener
        self.directory = directory
    }

    /// Runs a test against a fresh server; a pod's ports and a Service's are those of this machine's loopback.
    static func with(_ body: (APIFixture) async throws -> Void) async throws {
        let authority = try CertificateAuthority(commonName: "sandbox")
        let access = NodeAccess(
            dialPod: { _, _, port throws(StatusError) in try Loopback.dial(port) },
            dialService: { _, _, port throws(StatusError) in try Loopback.dial(port) },
            log: { pod, options throws(StatusError) in
                AsyncStream { stream in
                    for line in 1...3 where line > 3 - (options.tail ?? 3) {
                        stream.yield(ByteBuffer(string: "\(pod.name) \(options.container) line \(line)\n"))
                    }
                    stream.finish()
                }
            }
        )
        let api = ObjectAPI(store: ObjectStore(), access: access, authorityPEM: authority.certificatePEM)
        let identity = try authority.issue(commonName: "kube-apiserver", ipAddresses: ["127.0.0.1"])
        let faults = FaultInjector()
        let listener = try await APIListener.start(
            server: APIServer(api: api, access: access, faults: faults),
            host: "127.0.0.1",
            port: 0,
            tls: try APIListener.tls(identity: identity, authorityPEM: authority.certificatePEM)
        )
        try await api.bootstrap(host: "127.0.0.1", port: listener.port)
        api.tokens.add(token: "jane-token", user: UserInfo(name: "jane", groups: ["dev"]))
        api.tokens.add(token: "late-token", user: UserInfo(name: "late"), expires: 1)
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("api-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let fixture = APIFixture(
            api: api,
            authority: authority,
            listener: listener,
            directory: directory,
            faults: faults
        )
        defer { try? FileManager.default.removeItem(at: directory) }
        do {
            try fixture.writeKubeconfig()
            try await body(fixture)
        } catch {
            await listener.close()
            throw error
        }
        await listener.close()
    }

    private func writeKubeconfig() throws {
        let admin = try self.authority.issue(commonName: "admin", organizations: ["system:masters"])
        func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
        let config: JSONValue = [
            "apiVersion": "v1", "kind": "Config", "current-context": "admin",
            "clusters": [
                [
                    "name": "sandbox",
                    "cluster": [
                        "server": .string(self.url),
                        "certificate-authority-data": .string(base64(self.authority.certificatePEM)),
                    ],
                ]
            ],
            "contexts": .array(
                ["admin", "jane", "late"].map {
                    ["name": .string($0), "context": ["cluster": "sandbox", "user": .string($0)]]
                }
            ),
            "users": [
                [
                    "name": "admin",
                    "user": [
                        "client-certificate-data": .string(base64(admin.certificateChainPEM)),
                        "client-key-data": .string(base64(admin.privateKeyPEM)),
                    ],
                ],
                ["name": "jane", "user": ["token": "jane-token"]], ["name": "late", "user": ["token": "late-token"]],
            ],
        ]
        try Data(config.serialized()).write(to: URL(fileURLWithPath: self.kubeconfig))
    }

    /// Our own client, as the administrator or with a token.
    func access(token: String? = nil) throws -> ClusterAccess {
        let credential: Credential
        if let token {
            credential = Credential(token: token)
        } else {
            let admin = try self.authority.issue(commonName: "admin", organizations: ["system:masters"])
            credential = Credential(certificatePEM: admin.certificateChainPEM, privateKeyPEM: admin.privateKeyPEM)
        }
        return ClusterAccess(
            endpoint: try ClusterEndpoint(url: self.url, authorities: self.authority.certificatePEM),
            credentials: StaticCredentialSource(credential)
        )
    }

    /// Makes a pod and has it run, as a node would.
    func runPod(_ name: String, labels: [String: String] = [:]) async throws {
        try await self.api.create(
            .pods,
            [
                "metadata": ["name": .string(name), "labels": JSONValue(stringMap: labels)],
                "spec": ["containers": [["name": "app", "image": "app:1"]]],
            ],
            namespace: "default"
        )
        try self.api.store.update(.pods, namespace: "default", name: name, part: .status) { old throws(StatusError) in
            var pod = old
            pod["status"] = ["phase": "Running", "conditions": [["type": "Ready", "status": "True"]]]
            return pod
        }
    }
}

/// Sockets on this machine's loopback.
enum Loopback {
    static func dial(_ port: Int) throws(StatusError) -> CInt {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, 16) }
        }
        guard result == 0 else {
            close(descriptor)
            throw .internalError("connection refused")
        }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        return descriptor
    }
}
