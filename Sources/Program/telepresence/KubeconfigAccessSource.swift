import Cluster
import Host
import Kubeconfig
import Message

/// The access that the user's kubeconfig gives.
struct KubeconfigAccessSource: ClusterAccessSource {
    func access(for request: ConnectRequest) throws -> ClusterAccess {
        let environment = request.environment
        let path = request.kubeconfigPath
        // KUBECONFIG may be a list; --kubeconfig is one file.
        let given = path.isEmpty || path == environment["KUBECONFIG"] ? nil : path
        let kubeconfig = try Kubeconfig.load(path: given, environment: environment)
        var overrides = Kubeconfig.Overrides(environment: environment)
        overrides.context = request.context.isEmpty ? nil : request.context
        return try kubeconfig.access(overrides)
    }
}
