internal import Cluster
internal import Kubeconfig

/// A context of the user's kubeconfig.
package struct ClusterContext: Sendable, Hashable {
    package let name: String
    package let cluster: String
    /// The API server's URL; empty where the cluster is not there.
    package let server: String
    package let user: String
    package let namespace: String
    package let isCurrent: Bool

    /// All contexts, in the files' order; nothing is connected.
    ///
    /// - Parameters:
    ///   - kubeconfig: A file; nil means what `environment` says.
    ///   - environment: For KUBECONFIG and HOME.
    /// - Returns: The contexts.
    /// - Throws: ``InstallationError`` that names file and remedy.
    package static func all(
        kubeconfig: String?,
        environment: [String: String]
    ) throws(InstallationError) -> [ClusterContext] {
        do throws(KubeconfigError) {
            return try Kubeconfig.load(path: kubeconfig, environment: environment).contextFacts().map {
                ClusterContext(
                    name: $0.name,
                    cluster: $0.cluster,
                    server: $0.server,
                    user: $0.user,
                    namespace: $0.namespace,
                    isCurrent: $0.isCurrent
                )
            }
        } catch {
            throw InstallationError(.invalid, "\(error)")
        }
    }
}

extension InstallationCluster {
    /// The names of all namespaces, sorted.
    ///
    /// - Throws: ``InstallationError`` where the user may not list them, or the cluster cannot be reached.
    package func namespaces() async throws(InstallationError) -> [String] {
        try await list(.namespaces).compactMap { $0.at("metadata", "name")?.string }.sorted()
    }
}
