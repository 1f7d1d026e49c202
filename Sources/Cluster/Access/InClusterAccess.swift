extension ClusterAccess {
    /// Where the kubelet mounts a pod's service account.
    package static let serviceAccountDirectory = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The access that a pod has by its service account.
    ///
    /// - Parameters:
    ///   - environment: the process's environment; `KUBERNETES_SERVICE_HOST` and `_PORT` name the server.
    ///   - directory: holds `token`, `ca.crt` and `namespace`.
    /// - Returns: The access.
    /// - Throws: ``CredentialError`` that says which part is missing.
    package static func inCluster(
        environment: [String: String],
        directory: String = serviceAccountDirectory
    ) throws(CredentialError) -> ClusterAccess {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            let port = environment["KUBERNETES_SERVICE_PORT"], !port.isEmpty
        else {
            throw CredentialError(
                description: "KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: this is not a pod"
            )
        }
        guard let authorities = FileContents.read(directory + "/ca.crt") else {
            throw CredentialError(
                description: "\(directory)/ca.crt cannot be read; the pod needs a mounted service account token"
            )
        }
        guard FileContents.exists(directory + "/token") else {
            throw CredentialError(
                description: "\(directory)/token is missing; the pod needs a mounted service account token"
            )
        }
        let namespace = FileContents.read(directory + "/namespace")
            .map { String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace } }
        let bracketed = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
        do throws(ClusterEndpoint.Failure) {
            return ClusterAccess(
                endpoint: try ClusterEndpoint(url: "https://\(bracketed):\(port)", authorities: authorities),
                credentials: TokenFileCredentialSource(path: directory + "/token"),
                namespace: namespace.flatMap { $0.isEmpty ? nil : $0 } ?? "default"
            )
        } catch {
            throw CredentialError(description: error.description)
        }
    }
}
