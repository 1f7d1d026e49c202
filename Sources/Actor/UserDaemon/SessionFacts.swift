package import Message

/// What is known of an open session with a traffic manager.
package struct SessionFacts: Sendable, Equatable {
    /// The kubeconfig context, and the API server's URL.
    package var context: String
    package var server: String
    /// The namespace that the connection is bound to.
    package var namespace: String
    package var managerNamespace: String
    package var managerVersion: String
    /// The session's id, and the secret that proves it when it is resumed.
    package var sessionID: String
    package var secret: [UInt8]
    package var cluster: ClusterInfo
    /// How the manager is reached: `port-forward`.
    package var link: String
    /// Whether the manager still knew the session, with its attachments.
    package var resumed: Bool

    package init(
        context: String,
        server: String,
        namespace: String,
        managerNamespace: String,
        managerVersion: String,
        sessionID: String,
        secret: [UInt8],
        cluster: ClusterInfo,
        link: String,
        resumed: Bool
    ) {
        self.context = context
        self.server = server
        self.namespace = namespace
        self.managerNamespace = managerNamespace
        self.managerVersion = managerVersion
        self.sessionID = sessionID
        self.secret = secret
        self.cluster = cluster
        self.link = link
        self.resumed = resumed
    }
}
