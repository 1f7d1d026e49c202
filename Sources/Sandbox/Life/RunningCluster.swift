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
    private let faults: ClusterFaults
    private let tasks: [Task<Void, Never>]

    private init(
        server: String,
        api: ObjectAPI,
        access: NodeAccess,
        runtime: PodRuntimeClient,
        faults: ClusterFaults,
        tasks: [Task<Void, Never>]
    ) {
        self.server = server
        self.api = api
        self.access = access
        self.runtime = runtime
        self.faults = faults
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
                tokenLifetime: { api.tokens.boundedLifetime },
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
            try await NodeRegistration.register(api, published: configuration.publish)
            let injector = FaultInjector()
            let frontend = try await self.listen(
                configuration,
                APIServer(api: api, access: late.access, faults: injector),
                authority,
                network
            )
            let host = configuration.address.contains(":") ? "[\(configuration.address)]" : configuration.address
            let server = "https://\(host):\(frontend.port)"
            let faults = ClusterFaults(
                api: api,
                injector: injector,
                frontend: frontend,
                kubelet: kubelet,
                node: node
            )
            try self.writeKubeconfigs(state, server: server, authority: authority, api: api)
            progress("API server on \(server)")
            var tasks = [
                Task { await kubelet.run() }, Task { await Scheduler(store: store).run() }, Task { await proxy.run() },
                Task { await Controllers(api: api).run() },
                Task { await faults.run() },
            ]
            if let address = configuration.publish {
                let publisher = ServicePublisher(node: node, address: address)
                tasks.append(Task { await publisher.run() })
                progress("Services of type NodePort and LoadBalancer on \(address)")
            }
            progress("Node \(NodeContext.nodeName) is ready")
            return RunningCluster(
                server: server,
                api: api,
                access: late.access,
                runtime: runtime,
                faults: faults,
                tasks: tasks
            )
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

    /// Has things go wrong, or go well again; comes back when it is so.
    package func obey(_ order: FaultOrder) async { await self.faults.obey(order) }

    /// Listens where the configuration says, and on the node's address for the pods.
    private static func listen(
        _ configuration: ClusterConfiguration,
        _ server: APIServer,
        _ authority: CertificateAuthority,
        _ network: NodeNetwork
    ) async throws -> APIFrontend {
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
        return try await APIFrontend.start(
            server,
            host: configuration.address,
            port: Int(configuration.port),
            tls: tls,
            network: network
        )
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
