import Cluster

/// Kubeconfig files as text.
enum KubeconfigText {
    /// How a user proves who it is.
    enum Credential {
        case certificate(chain: [UInt8], key: [UInt8])
        case token(String)
    }

    /// A file with one cluster, one user and one context, all called `sandbox` but for the user.
    static func make(server: String, authority: [UInt8], user: String, credential: Credential) -> String {
        let proof =
            switch credential {
            case .certificate(let chain, let key):
                """
                    client-certificate-data: \(Base64.encode(chain))
                    client-key-data: \(Base64.encode(key))
                """
            case .token(let token): "    token: \(token)"
            }
        return """
            apiVersion: v1
            kind: Config
            clusters:
            - name: sandbox
              cluster:
                server: \(server)
                certificate-authority-data: \(Base64.encode(authority))
            users:
            - name: \(user)
              user:
            \(proof)
            contexts:
            - name: sandbox
              context:
                cluster: sandbox
                user: \(user)
                namespace: default
            current-context: sandbox

            """
    }
}
