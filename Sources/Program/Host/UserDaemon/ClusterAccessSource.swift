package import Cluster
package import Message

/// Finds the cluster that a request means, and the credentials for it.
///
/// The program supplies it, so that what runs in the cluster carries neither kubeconfig nor YAML.
package protocol ClusterAccessSource: Sendable {
    /// Server, credentials and namespace for a connection.
    ///
    /// - Parameter request: Names the kubeconfig and the context, and carries the caller's environment.
    /// - Returns: How to reach the cluster.
    /// - Throws: An error whose description tells the user what to correct.
    func access(for request: ConnectRequest) throws -> Cluster.ClusterAccess
}
