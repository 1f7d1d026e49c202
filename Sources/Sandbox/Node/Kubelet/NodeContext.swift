package import NIOPosix

/// What the parts of the node share.
package struct NodeContext: Sendable {
    /// The node's name.
    package static let nodeName = "sandbox"
    /// The cluster's DNS Service.
    package static let dnsAddress = "10.96.0.10"

    /// The cluster's objects.
    package let store: ObjectStore
    /// Makes pods' processes.
    package let runtime: PodRuntimeClient
    /// Joins pods.
    package let network: NodeNetwork
    /// What stands for images.
    package let images: ImageTable
    /// Directory for logs; nil keeps them in memory alone.
    package let logs: String?
    /// Makes a service account's token: namespace, account, audiences, seconds, pod's name and uid.
    package let token:
        @Sendable (
            _ namespace: String, _ account: String, _ audiences: [String], _ seconds: Int, _ pod: String, _ uid: String
        ) throws(StatusError) -> String
    /// The longest life of a token, in seconds, if something bounds it.
    package let tokenLifetime: @Sendable () -> Int64?
    /// Threads for calls that block.
    package let threads: NIOThreadPool
    /// Where Services lead at present.
    package let endpoints = AppliedEndpoints()

    /// All parts by hand.
    package init(
        store: ObjectStore,
        runtime: PodRuntimeClient,
        network: NodeNetwork,
        images: ImageTable,
        logs: String?,
        threads: NIOThreadPool = .singleton,
        tokenLifetime: @escaping @Sendable () -> Int64? = { nil },
        token:
            @escaping @Sendable (String, String, [String], Int, String, String) throws(StatusError) -> String
    ) {
        self.store = store
        self.runtime = runtime
        self.network = network
        self.images = images
        self.logs = logs
        self.threads = threads
        self.tokenLifetime = tokenLifetime
        self.token = token
    }

    /// Runs what blocks on another thread.
    func blocking<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        do {
            return try await self.threads.runIfActive { body() }
        } catch {
            // Only while the program ends.
            return body()
        }
    }
}
