import Cluster
import Host
import Kubeconfig
import Message

/// The access that the user's kubeconfig and flags give.
struct KubeconfigAccessSource: ClusterAccessSource {
    func access(for request: ConnectRequest) throws -> ClusterAccess {
        let flags = request.flags ?? KubernetesFlags()
        let kubeconfig: Kubeconfig
        if !request.kubeconfigData.isEmpty {
            kubeconfig = try Kubeconfig(files: [(path: "(standard input)", text: request.kubeconfigData)])
        } else {
            let path = request.kubeconfigPath
            // KUBECONFIG may be a list; --kubeconfig is one file.
            let file = path.isEmpty || path == request.environment["KUBECONFIG"] ? nil : path
            kubeconfig = try Kubeconfig.load(
                path: file,
                environment: request.environment,
                optional: !flags.server.isEmpty
            )
        }
        let timeout = flags.requestTimeoutMilliseconds
        return try kubeconfig.access(
            Kubeconfig.Overrides(
                context: given(request.context),
                cluster: given(flags.cluster),
                user: given(flags.user),
                server: given(flags.server),
                certificateAuthority: given(flags.certificateAuthority),
                tlsServerName: given(flags.tlsServerName),
                insecureSkipVerify: flags.insecureSkipVerify,
                token: given(flags.token),
                clientCertificate: given(flags.clientCertificate),
                clientKey: given(flags.clientKey),
                impersonation: given(flags.asUser).map {
                    Impersonation(user: $0, groups: flags.asGroups, uid: given(flags.asUID))
                },
                requestTimeout: timeout == 0 ? nil : .milliseconds(Int64(clamping: timeout)),
                environment: request.environment
            )
        )
    }

    /// An empty string on the wire means that nothing was said.
    private func given(_ text: String) -> String? { text.isEmpty ? nil : text }
}
