import Actor
import Message

extension SessionFacts {
    /// A session in namespace `default`, on a link through the API server.
    static func example(
        sessionID: String = "s",
        secret: [UInt8] = [],
        cluster: ClusterInfo = ClusterInfo()
    ) -> SessionFacts {
        SessionFacts(
            context: "",
            server: "",
            namespace: "default",
            managerNamespace: "ambassador",
            managerVersion: "",
            sessionID: sessionID,
            secret: secret,
            cluster: cluster,
            link: "port-forward",
            resumed: false
        )
    }
}
