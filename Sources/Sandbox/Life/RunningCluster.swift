import Cluster
import Glibc
import Kernel
import NIOPosix
import TLS

/// A sandbox that runs: API server, controllers and node.
///
/// Concurrency model: started once; its tasks run until the process ends or `stop`.
package final class RunningCluster: Sendable {
    /// Where the API server listens.
    package let server: String
    /// The objects and what guards them.
    package let api: ObjectAPI
    /// What the API server may ask of the node.
    package let access: NodeAccess
    private let runtime: PodRuntimeClient
    private let tasks: [Task<Void, Never>]

    private init(
        server: String,
        api: ObjectAPI,
        access: NodeAccess,
        runtime: PodRuntimeClient,
        tasks: [Task<Void, Never>]
    ) {
        self.server = server
        self.api = api
        self.access = access
        self.runtime = runtime
        self.tasks = tasks
    }

    /// Starts everything; comes back when the API answers and the node is ready.
    ///
    /// `progress` is told each step.
    package static func start(
        _ configuration: ClusterConfiguration,
        progress: (String) -> Void
    ) async throws(RuntimeError) -> RunningCluster {
        let runtime = try PodRuntimeClient.start(program: configuration.program)
        let network = NodeNetwork(namespace: runtime.node)
        let state = StateDirectory(path: configuration.state)
        do {
            try network.setUp()
            // Tools of administrators may not be on everybody's path.
            setenv("PATH", (getenv("PATH").map { String(cString: $0) } ?? "") + ":/usr/sbin:/sbin:/usr/bin:/bin", 1)
            guard (try? network.execute(["nft", "--version"]))?.status == 0 else {
                throw RuntimeError("nft is missing; install it with: apt-get install nftables", code: 0)
            }
            progress("Node network \(NodeNetwork.podRange), services \(NodeNetwork.serviceRange)")
            let authority = try CertificateAuthority(commonName: "sandbox-ca")
            let late = LateNode()
            let store = ObjectStore()
            let api = ObjectAPI(
                store: store,
                access: late.access,
                authorityPEM: authority.certificatePEM,
                serviceSubnet: NodeNetwork.serviceRange
            )
            try await api.bootstrap(host: NodeNetwork.node.description, port: 6443)
            let node = NodeContext(
                store: store,
                runtime: runtime,
                network: network,
                images: configuration.images,
                logs: state.logs,
                token: { namespace, account, audiences, seconds, pod, _ throws(StatusError) in
                    try api.tokens.issue(
                        serviceAccount: account,
                        namespace: namespace,
                        audiences: audiences,
                        lifetime: Int64(seconds),
                        pod: pod
                    ).token
                }
            )
            let kubelet = Kubelet(node: node)
            late.set(kubelet)
            let proxy = try ServiceProxy(node: node)
            try await NodeRegistration.register(api)
            let server = try await self.listen(configuration, api, late.access, authority, network)
            try self.writeKubeconfigs(state, server: server, authority: authority, api: api)
            progress("API server on \(server)")
            let tasks = [
                Task { await kubelet.run() }, Task { await Scheduler(store: store).run() }, Task { await proxy.run() },
                Task { await Controllers(api: api).run() },
            ]
            progress("Node \(NodeContext.nodeName) is ready")
            return RunningCluster(server: server, api: api, access: late.access, runtime: runtime, tasks: tasks)
        } catch let error as RuntimeError {
            throw error
        } catch let error as StatusError {
            throw RuntimeError(error.message, code: 0)
        } catch {
            throw RuntimeError("\(error)", code: 0)
        }
    }

    /// Ends every pod and all tasks.
    package func stop() {
        for task in self.tasks { task.cancel() }
        self.runtime.stop()
    }

    /// Listens where the configuration says, and on the node's address for the pods; the server's URL.
    private static func listen(
        _ configuration: ClusterConfiguration,
        _ api: ObjectAPI,
        _ access: NodeAccess,
        _ authority: CertificateAuthority,
        _ network: NodeNetwork
    ) async throws -> String {
        let identity = try authority.issue(
            commonName: "kube-apiserver",
            dnsNames: [
                "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
                "kubernetes.default.svc.cluster.local",
            ],
            ipAddresses: Array(
                Set(["127.0.0.1", "::1", "10.96.0.1", NodeNetwork.node.description, configuration.address])
            ),
            usage: .server
        )
        let tls = try APIListener.tls(identity: identity, authorityPEM: authority.certificatePEM)
        let server = APIServer(api: api, access: access)
        let outer = try await APIListener.start(
            server: server,
            host: configuration.address,
            port: Int(configuration.port),
            tls: tls
        )
        let socket = try network.namespace.listenTCP(InternetEndpoint(NodeNetwork.node, port: 6443))
        try socket.setNonBlocking(true)
        _ = try await APIListener.start(
            server: server,
            host: NodeNetwork.node.description,
            port: 6443,
            tls: tls,
            socket: socket.take()
        )
        let host = configuration.address.contains(":") ? "[\(configuration.address)]" : configuration.address
        return "https://\(host):\(outer.port)"
    }

    private static func writeKubeconfigs(
        _ state: StateDirectory,
        server: String,
        authority: CertificateAuthority,
        api: ObjectAPI
    ) throws {
        let ca = authority.certificatePEM
        let admin = try authority.issue(commonName: "admin", organizations: ["system:masters"], usage: .client)
        try state.write(
            state.kubeconfig,
            KubeconfigText.make(
                server: server,
                authority: ca,
                user: "admin",
                credential: .certificate(chain: admin.certificateChainPEM, key: admin.privateKeyPEM)
            )
        )
        let users: [(file: String, user: UserInfo, expires: Int64?)] = [
            ("token", UserInfo(name: "token-admin", groups: ["system:masters", "system:authenticated"]), nil),
            (
                "expired", UserInfo(name: "expired", groups: ["system:masters", "system:authenticated"]),
                Timestamp.seconds() - 3600
            ),
            ("nobody", UserInfo(name: "nobody", groups: ["system:authenticated"]), nil),
        ]
        for (file, user, expires) in users {
            let token = Identifiers.uid().filter { $0 != "-" }
            api.tokens.add(token: token, user: user, expires: expires)
            try state.write(
                state.kubeconfig(of: file),
                KubeconfigText.make(server: server, authority: ca, user: user.name, credential: .token(token))
            )
        }
    }
}
