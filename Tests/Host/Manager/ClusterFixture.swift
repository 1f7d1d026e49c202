import Actor
import Cluster
import NIOCore
import NIOPosix
import Synchronization
import TLS
import Testing

@testable import Host
@testable import Sandbox

/// A cluster on loopback without a node: an API server, controllers, and pods that a test makes ready itself.
final class ClusterFixture: Sendable {
    /// Something did not happen in time.
    struct Timeout: Error {
        let what: String
    }

    let server: ObjectAPI
    /// The administrator's client.
    let api: APIConnection
    let cluster: KubernetesCluster
    var store: ObjectStore { server.store }

    private init(_ server: ObjectAPI, _ api: APIConnection) throws {
        self.server = server
        self.api = api
        let settings = InjectorSettings(agentImage: "agent:1", managerHost: "m.svc", managerCA: "CA")
        cluster = KubernetesCluster(
            api: api,
            resolver: PodResolver("nameserver 10.96.0.10\nsearch default.svc.cluster.local"),
            subnets: try Self.subnets(api),
            direct: try DirectAddressFinder(api: api, namespace: "ambassador", environment: [:]),
            namespace: "ambassador",
            lastRequests: .zero,
            ephemeral: EphemeralAgents { Injector(settings: settings) }
        )
    }

    static func subnets(_ api: APIConnection) throws -> SubnetFinder {
        SubnetFinder(
            api: api,
            namespace: "ambassador",
            serverAddress: "10.96.0.1",
            strategy: try PodSubnetStrategy(environment: [:])
        )
    }

    static func with(_ body: (ClusterFixture) async throws -> Void) async throws {
        let authority = try CertificateAuthority(commonName: "sandbox")
        let server = ObjectAPI(store: ObjectStore(), access: .absent, authorityPEM: authority.certificatePEM)
        let identity = try authority.issue(commonName: "kube-apiserver", ipAddresses: ["127.0.0.1"])
        let listener = try await APIListener.start(
            server: APIServer(api: server, access: .absent),
            host: "127.0.0.1",
            port: 0,
            tls: try APIListener.tls(identity: identity, authorityPEM: authority.certificatePEM)
        )
        try await server.bootstrap(host: "127.0.0.1", port: listener.port)
        let admin = try authority.issue(commonName: "admin", organizations: ["system:masters"])
        let credential = Credential(certificatePEM: admin.certificateChainPEM, privateKeyPEM: admin.privateKeyPEM)
        let access = ClusterAccess(
            endpoint: try ClusterEndpoint(
                url: "https://127.0.0.1:\(listener.port)",
                authorities: authority.certificatePEM
            ),
            credentials: StaticCredentialSource(credential)
        )
        let api = APIConnection(access: access, eventLoop: MultiThreadedEventLoopGroup.singleton.next())
        let controllers = Task { await Controllers(api: server).run() }
        let fixture = try ClusterFixture(server, api)
        let result: Swift.Result<Void, any Error>
        do {
            result = .success(try await body(fixture))
        } catch {
            result = .failure(error)
        }
        controllers.cancel()
        api.close()
        await listener.close()
        try result.get()
    }

    /// Makes a workload, and a Service that leads to its pods by `app`.
    func make(
        _ kind: ResourceKind,
        _ name: String,
        replicas: Int = 1,
        service: Bool = true,
        _ change: (inout JSONValue) -> Void = { _ in }
    ) async throws {
        var workload: JSONValue = [
            "metadata": ["name": .string(name)],
            "spec": [
                "replicas": .integer(Int64(replicas)), "selector": ["matchLabels": ["app": .string(name)]],
                "template": [
                    "metadata": ["labels": ["app": .string(name)]],
                    "spec": [
                        "containers": [
                            ["name": "main", "image": "x", "ports": [["name": "http", "containerPort": 8080]]]
                        ]
                    ],
                ],
            ],
        ]
        change(&workload)
        try await server.create(kind, workload, namespace: "default")
        guard service else { return }
        try await server.create(
            .services,
            [
                "metadata": ["name": .string(name)],
                "spec": ["selector": ["app": .string(name)], "ports": [["port": 80, "targetPort": "http"]]],
            ],
            namespace: "default"
        )
    }

    /// Makes every pod without address a ready one, as a node would, and ends those that are to end.
    func playNode() throws {
        for pod in store.items(.pods) {
            if pod.isTerminating {
                let options = DeleteOptions(gracePeriod: 0)
                _ = try? store.delete(.pods, namespace: pod.namespace, name: pod.name, options: options)
                continue
            }
            guard pod.at("status", "podIP") == nil else { continue }
            let number = Int.random(in: 2...250)
            try store.update(.pods, namespace: pod.namespace, name: pod.name, part: .whole) { old in
                var pod = old
                pod.set("spec", "nodeName", to: "sandbox")
                pod["status"] = [
                    "phase": "Running", "podIP": .string("10.244.0.\(number)"),
                    "conditions": [
                        ["type": "Ready", "status": "True", "lastTransitionTime": .string(Timestamp.now())]
                    ],
                ]
                return pod
            }
        }
    }

    /// Reads pictures of a workload until one is as wanted, playing the node meanwhile if asked to.
    func picture(
        _ what: String,
        of key: WorkloadKey,
        node: Bool = true,
        until condition: (PodPicture) throws -> Bool
    ) async throws -> PodPicture {
        let seen = Latest()
        let pictures = cluster.follow(key)
        let follower = Task {
            for await picture in pictures { seen.set(picture) }
        }
        defer { follower.cancel() }
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            if node { try playNode() }
            if let picture = try seen.value?.get(), try condition(picture) { return picture }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw Timeout(what: what)
    }

    static func key(_ kind: String, _ name: String) -> WorkloadKey {
        WorkloadKey(kind: kind, name: name, namespace: "default")
    }
}

/// The newest picture.
private final class Latest: Sendable {
    private let state = Mutex<Swift.Result<PodPicture, ManagerFailure>?>(nil)

    var value: Swift.Result<PodPicture, ManagerFailure>? { state.withLock { $0 } }

    func set(_ value: Swift.Result<PodPicture, ManagerFailure>) { state.withLock { $0 = value } }
}
