package import Cluster
internal import Foundation
internal import Yams

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
        let name = overrides.context ?? currentContext
        // Who names server or cluster outright needs no context.
        if name == nil, overrides.server != nil || overrides.cluster != nil {
            return try access(context: nil, Self.nothing("context"), overrides)
        }
        guard let name else {
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
        context name: String?,
        _ context: KubeconfigEntry,
        _ overrides: Overrides
    ) throws(KubeconfigError) -> ClusterAccess {
        let cluster = try entry("cluster", in: clusters, named: overrides.cluster, context)
        let endpoint = try endpoint(of: cluster ?? Self.nothing("cluster"), overrides)
        let contextUser = try context.node.text("user")
        let userName = overrides.user ?? contextUser
        let user = try entry("user", in: users, named: overrides.user, context) ?? Self.nothing("user")
        let credentials = try self.credentials(
            of: user,
            named: userName ?? "",
            cluster: cluster,
            endpoint: endpoint,
            overrides
        )
        let impersonation = try Self.impersonation(of: user)
        let namespace = try context.node.text("namespace")
        return ClusterAccess(
            endpoint: endpoint,
            credentials: credentials,
            impersonation: overrides.impersonation ?? impersonation,
            namespace: overrides.namespace ?? namespace ?? "default",
            contextName: name,
            userName: userName ?? "",
            requestTimeout: overrides.requestTimeout
        )
    }

    /// The entry that the command line names, else that of the context; nil where a server or nothing is named instead.
    private func entry(
        _ kind: String,
        in entries: [String: KubeconfigEntry],
        named: String?,
        _ context: KubeconfigEntry
    ) throws(KubeconfigError) -> KubeconfigEntry? {
        if let named {
            guard let entry = entries[named] else {
                let there = entries.keys.sorted().map { "\"\($0)\"" }.joined(separator: ", ")
                throw KubeconfigError(
                    origin: origin,
                    problem: "there is no \(kind) \"\(named)\" (named by --\(kind)); there are: \(there)"
                )
            }
            return entry
        }
        guard let name = try context.node.text(kind) else { return nil }
        guard let entry = entries[name] else {
            throw context.node.error("names the \(kind) \"\(name)\", which is not there")
        }
        return entry
    }

    /// An entry without any field.
    private static func nothing(_ kind: String) -> KubeconfigEntry {
        KubeconfigEntry(
            node: KubeconfigNode(origin: "(command line)", field: kind, node: Node.mapping([:])),
            directory: ""
        )
    }

    private func endpoint(
        of cluster: KubeconfigEntry,
        _ overrides: Overrides
    ) throws(KubeconfigError) -> ClusterEndpoint {
        let written = try cluster.node.text("server")
        guard let server = overrides.server ?? written else {
            throw cluster.node.field == "cluster"
                ? cluster.node.error("the context names no cluster", remedy: "use --cluster or --server")
                : cluster.node.error("names no server")
        }
        let skip = try cluster.node.flag("insecure-skip-tls-verify")
        // One of the two on the command line undoes the other in the file, as with kubectl.
        let insecure = overrides.certificateAuthority == nil && (overrides.insecureSkipVerify || skip)
        if overrides.insecureSkipVerify, overrides.certificateAuthority != nil {
            throw KubeconfigError(
                origin: "(command line)",
                problem: "--certificate-authority and --insecure-skip-tls-verify exclude one another",
                remedy: "remove one of them"
            )
        }
        var authorities: [UInt8]?
        if !overrides.insecureSkipVerify {
            authorities = try cluster.pem(
                "certificate-authority",
                marker: "CERTIFICATE",
                instead: overrides.certificateAuthority
            )
        }
        if insecure, authorities != nil {
            throw cluster.node.error(
                "has both a certificate authority and insecure-skip-tls-verify",
                remedy: "remove one of them"
            )
        }
        let writtenName = try cluster.node.text("tls-server-name")
        let name = overrides.tlsServerName ?? writtenName
        var endpoint: ClusterEndpoint
        do throws(ClusterEndpoint.Failure) {
            endpoint = try ClusterEndpoint(
                url: server,
                authorities: authorities,
                tlsServerName: name,
                insecureSkipVerify: insecure
            )
        } catch {
            throw KubeconfigError(
                origin: overrides.server == nil ? cluster.node.origin : "--server",
                line: cluster.node.line,
                field: cluster.node.field + ".server",
                problem: error.description
            )
        }
        endpoint.proxy = try proxy(of: cluster, endpoint, overrides)
        return endpoint
    }

    private func proxy(
        of cluster: KubeconfigEntry,
        _ endpoint: ClusterEndpoint,
        _ overrides: Overrides
    ) throws(KubeconfigError) -> ProxyAddress? {
        let written = try cluster.node.text("proxy-url")
        let environment = overrides.environment
        let named = ProxyEnvironment.proxy(host: endpoint.host, port: endpoint.port, environment: environment)
        guard let text = written ?? named else { return nil }
        do throws(ProxyAddress.Failure) {
            return try ProxyAddress(url: text)
        } catch {
            throw KubeconfigError(
                origin: written == nil ? "the environment variable HTTPS_PROXY" : cluster.node.origin,
                line: written == nil ? nil : cluster.node.line,
                field: written == nil ? nil : cluster.node.field + ".proxy-url",
                problem: error.description
            )
        }
    }

    private func credentials(
        of user: KubeconfigEntry,
        named name: String,
        cluster: KubeconfigEntry?,
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
        credential.certificatePEM = try user.pem(
            "client-certificate",
            marker: "CERTIFICATE",
            instead: overrides.clientCertificate
        )
        credential.privateKeyPEM = try user.pem("client-key", marker: "", instead: overrides.clientKey)
        if (credential.certificatePEM == nil) != (credential.privateKeyPEM == nil) {
            throw user.node.error(
                credential.certificatePEM == nil
                    ? "has a client-key without client-certificate" : "has a client-certificate without client-key"
            )
        }
        if let token = overrides.token {
            credential.token = token
            return StaticCredentialSource(credential)
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
            configuration: try Self.execConfiguration(of: cluster),
            environment: overrides.environment
        )
    }

    /// What the cluster has for plugins: its extension `client.authentication.k8s.io/exec`.
    private static func execConfiguration(of cluster: KubeconfigEntry?) throws(KubeconfigError) -> JSONValue? {
        guard let cluster else { return nil }
        for element in try cluster.node.list("extensions") {
            guard try element.text("name") == "client.authentication.k8s.io/exec" else { continue }
            return try element.member("extension")?.json
        }
        return nil
    }

    private static func impersonation(of user: KubeconfigEntry) throws(KubeconfigError) -> Impersonation? {
        guard let name = try user.node.text("as") else {
            for field in ["as-groups", "as-uid", "as-user-extra"] where try user.node.member(field) != nil {
                throw user.node.error("has \(field) without as", remedy: "say with as whom to impersonate")
            }
            return nil
        }
        return Impersonation(
            user: name,
            groups: try user.node.texts("as-groups"),
            uid: try user.node.text("as-uid"),
            extra: try user.node.textLists("as-user-extra")
        )
    }
}
