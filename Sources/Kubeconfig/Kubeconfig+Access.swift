package import Cluster
internal import Foundation

extension Kubeconfig {
    /// The access that a context gives.
    ///
    /// - Parameter overrides: what the command line says otherwise.
    /// - Returns: Server, credentials and namespace.
    /// - Throws: ``KubeconfigError`` that names file, context, field and remedy.
    package func access(_ overrides: Overrides = Overrides()) throws(KubeconfigError) -> ClusterAccess {
        let existing =
            contextNames.isEmpty
            ? "it has no contexts" : "its contexts are " + contextNames.map { "\"\($0)\"" }.joined(separator: ", ")
        guard let name = overrides.context ?? currentContext else {
            throw KubeconfigError(
                origin: origin,
                problem: "no current context is set; \(existing)",
                remedy: "use --context, or kubectl config use-context"
            )
        }
        guard let context = contexts[name] else {
            throw KubeconfigError(origin: origin, problem: "there is no context \"\(name)\"; \(existing)")
        }
        do {
            return try access(context: name, context, overrides)
        } catch {
            throw KubeconfigError(
                origin: error.origin,
                line: error.line,
                context: name,
                field: error.field,
                problem: error.problem,
                remedy: error.remedy
            )
        }
    }

    private func access(
        context name: String,
        _ context: KubeconfigEntry,
        _ overrides: Overrides
    ) throws(KubeconfigError) -> ClusterAccess {
        guard let clusterName = try context.node.text("cluster") else { throw context.node.error("names no cluster") }
        guard let cluster = clusters[clusterName] else {
            throw context.node.error("names the cluster \"\(clusterName)\", which is not there")
        }
        let endpoint = try endpoint(of: cluster)
        var credentials: any CredentialSource = StaticCredentialSource(.anonymous)
        var impersonation = overrides.impersonation
        let userName = try context.node.text("user")
        if let userName {
            guard let user = users[userName] else {
                throw context.node.error("names the user \"\(userName)\", which is not there")
            }
            credentials = try self.credentials(of: user, named: userName, endpoint: endpoint, overrides)
            if impersonation == nil { impersonation = try Self.impersonation(of: user) }
        }
        let namespace = try context.node.text("namespace")
        return ClusterAccess(
            endpoint: endpoint,
            credentials: credentials,
            impersonation: impersonation,
            namespace: overrides.namespace ?? namespace ?? "default",
            contextName: name,
            userName: userName ?? ""
        )
    }

    private func endpoint(of cluster: KubeconfigEntry) throws(KubeconfigError) -> ClusterEndpoint {
        guard let server = try cluster.node.text("server") else { throw cluster.node.error("names no server") }
        if let proxy = try cluster.node.text("proxy-url") {
            throw KubeconfigError(
                origin: cluster.node.origin,
                line: cluster.node.line,
                field: cluster.node.field + ".proxy-url",
                problem: "proxies are not supported yet ('\(proxy)')",
                remedy: "reach the server without a proxy"
            )
        }
        let insecure = try cluster.node.flag("insecure-skip-tls-verify")
        let authorities = try cluster.pem("certificate-authority", marker: "CERTIFICATE")
        if insecure, authorities != nil {
            throw cluster.node.error(
                "has both a certificate authority and insecure-skip-tls-verify",
                remedy: "remove one of them"
            )
        }
        do throws(ClusterEndpoint.Failure) {
            return try ClusterEndpoint(
                url: server,
                authorities: authorities,
                tlsServerName: try? cluster.node.text("tls-server-name"),
                insecureSkipVerify: insecure
            )
        } catch {
            throw KubeconfigError(
                origin: cluster.node.origin,
                line: cluster.node.line,
                field: cluster.node.field + ".server",
                problem: error.description
            )
        }
    }

    private func credentials(
        of user: KubeconfigEntry,
        named name: String,
        endpoint: ClusterEndpoint,
        _ overrides: Overrides
    ) throws(KubeconfigError) -> any CredentialSource {
        for gone in ["auth-provider", "username"] where try user.node.member(gone) != nil {
            throw user.node.error(
                "\(gone) is no longer supported by Kubernetes",
                remedy: "use a token, a client certificate or an exec plugin"
            )
        }
        var credential = Credential()
        credential.certificatePEM = try user.pem("client-certificate", marker: "CERTIFICATE")
        credential.privateKeyPEM = try user.pem("client-key", marker: "")
        if (credential.certificatePEM == nil) != (credential.privateKeyPEM == nil) {
            throw user.node.error(
                credential.certificatePEM == nil
                    ? "has a client-key without client-certificate" : "has a client-certificate without client-key"
            )
        }
        // In client-go's order: tokenFile, token, exec.
        if let path = try user.node.text("tokenFile") {
            return TokenFileCredentialSource(path: user.resolve(path), base: credential)
        }
        if let token = try user.node.text("token") {
            credential.token = token
            return StaticCredentialSource(credential)
        }
        guard let exec = try user.node.member("exec") else { return StaticCredentialSource(credential) }
        return try ExecCredentialSource(
            node: exec,
            directory: user.directory,
            userName: name,
            base: credential,
            endpoint: endpoint,
            environment: overrides.environment
        )
    }

    private static func impersonation(of user: KubeconfigEntry) throws(KubeconfigError) -> Impersonation? {
        guard let name = try user.node.text("as") else { return nil }
        return Impersonation(
            user: name,
            groups: try user.node.texts("as-groups"),
            uid: try user.node.text("as-uid"),
            extra: try user.node.textLists("as-user-extra")
        )
    }
}
