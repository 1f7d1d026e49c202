package import Cluster

extension Kubeconfig {
    /// What the command line may say otherwise than the files: kubectl's own flags.
    package struct Overrides: Sendable, Equatable {
        /// The context, instead of the current one.
        package var context: String?
        /// The cluster and the user entries, instead of the context's.
        package var cluster: String?
        package var user: String?
        package var namespace: String?
        /// Of the cluster.
        package var server: String?
        package var certificateAuthority: String?
        package var tlsServerName: String?
        package var insecureSkipVerify: Bool
        /// Of the user; a token takes the place of a token file and of a plugin.
        package var token: String?
        package var clientCertificate: String?
        package var clientKey: String?
        package var impersonation: Impersonation?
        /// The most that one request may take.
        package var requestTimeout: Duration?
        /// The environment that exec plugins run in, and that may name a proxy.
        package var environment: [String: String]

        package init(
            context: String? = nil,
            cluster: String? = nil,
            user: String? = nil,
            namespace: String? = nil,
            server: String? = nil,
            certificateAuthority: String? = nil,
            tlsServerName: String? = nil,
            insecureSkipVerify: Bool = false,
            token: String? = nil,
            clientCertificate: String? = nil,
            clientKey: String? = nil,
            impersonation: Impersonation? = nil,
            requestTimeout: Duration? = nil,
            environment: [String: String] = [:]
        ) {
            self.context = context
            self.cluster = cluster
            self.user = user
            self.namespace = namespace
            self.server = server
            self.certificateAuthority = certificateAuthority
            self.tlsServerName = tlsServerName
            self.insecureSkipVerify = insecureSkipVerify
            self.token = token
            self.clientCertificate = clientCertificate
            self.clientKey = clientKey
            self.impersonation = impersonation
            self.requestTimeout = requestTimeout
            self.environment = environment
        }
    }
}
