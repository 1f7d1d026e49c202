/// All that it takes to talk to one API server as one user: what a kubeconfig context or a pod's service account says.
package struct ClusterAccess: Sendable {
    package var endpoint: ClusterEndpoint
    package var credentials: any CredentialSource
    package var impersonation: Impersonation?
    /// The namespace that is meant when none is named.
    package var namespace: String
    /// The context's name, for messages; nil inside a cluster.
    package var contextName: String?
    /// The user's name in the kubeconfig, for messages; nil inside a cluster.
    package var userName: String?
    /// What a single request may take (`--request-timeout`), where that is less than it may anyway.
    package var requestTimeout: Duration?

    package init(
        endpoint: ClusterEndpoint,
        credentials: any CredentialSource,
        impersonation: Impersonation? = nil,
        namespace: String = "default",
        contextName: String? = nil,
        userName: String? = nil,
        requestTimeout: Duration? = nil
    ) {
        self.requestTimeout = requestTimeout
        self.endpoint = endpoint
        self.credentials = credentials
        self.impersonation = impersonation
        self.namespace = namespace
        self.contextName = contextName
        self.userName = userName
    }

    /// The user in the words of messages: `user "x" in context "y"`.
    package var identity: String {
        guard let userName else { return "the service account of this pod" }
        return "user \"\(userName)\"" + (contextName.map { " in context \"\($0)\"" } ?? "")
    }
}
