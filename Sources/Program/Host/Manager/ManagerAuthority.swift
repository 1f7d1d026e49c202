package import Cluster
package import TLS

/// The traffic manager's certificate authority, kept in the cluster so that clients' pins survive a restart.
package struct ManagerAuthority: Sendable {
    /// Name of the Secret that keeps it.
    package static let secretName = "traffic-manager-ca"
    /// Name of the ConfigMap that publishes its certificate, under `ca.crt`.
    package static let configMapName = "traffic-manager"

    package let authority: CertificateAuthority
    /// It is in the Secret: another start will have the same one.
    package let isKept: Bool

    /// Reads the authority from the Secret, or makes one and tries to keep it.
    ///
    /// - Throws: `TLSError` only: without the right to read or write Secrets the authority lives as long as the process.
    package static func load(_ api: APIConnection, namespace: String) async throws(TLSError) -> ManagerAuthority {
        if let kept = await read(api, namespace: namespace) {
            return ManagerAuthority(authority: kept, isKept: true)
        }
        let fresh = try CertificateAuthority(commonName: "telepresence traffic-manager")
        let secret: JSONValue = [
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
            "metadata": ["name": .string(secretName), "namespace": .string(namespace)],
            "data": [
                "tls.crt": .string(Base64.encode(fresh.certificatePEM)),
                "tls.key": .string(Base64.encode(fresh.keyPEM)),
            ],
        ]
        do throws(APIError) {
            _ = try await api.create(.secrets, namespace: namespace, secret)
            return ManagerAuthority(authority: fresh, isKept: true)
        } catch {
            // Another manager may have been quicker.
            if error.kind == .alreadyExists || error.kind == .conflict,
                let kept = await read(api, namespace: namespace)
            {
                return ManagerAuthority(authority: kept, isKept: true)
            }
            return ManagerAuthority(authority: fresh, isKept: false)
        }
    }

    /// Publishes the certificate for clients to pin.
    package func publish(_ api: APIConnection, namespace: String) async throws(APIError) {
        let data: JSONValue = ["ca.crt": .string(String(decoding: authority.certificatePEM, as: UTF8.self))]
        do throws(APIError) {
            _ = try await api.patch(
                .configMaps,
                namespace: namespace,
                name: Self.configMapName,
                .merge(["data": data])
            )
        } catch {
            guard error.kind == .notFound else { throw error }
            let object: JSONValue = [
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": ["name": .string(Self.configMapName), "namespace": .string(namespace)],
                "data": data,
            ]
            _ = try await api.create(.configMaps, namespace: namespace, object)
        }
    }

    /// Tells the API server whose certificates the webhook shows; nothing is written when it knows.
    package func register(
        _ api: APIConnection,
        name: String = WebhookRegistration.name
    ) async throws(APIError) {
        // An installation without injector.
        guard name != "disabled" else { return }
        let present = try await api.get(.mutatingWebhookConfigurations, name: name)
        guard let patch = WebhookRegistration.patch(configuration: present, authority: authority.certificatePEM) else {
            return
        }
        _ = try await api.patch(.mutatingWebhookConfigurations, name: name, .merge(patch))
    }

    /// The identity of the manager's listeners: every name that their Services have.
    package func identity(namespace: String, clusterDomain: String) throws(TLSError) -> TLSIdentity {
        let names = ["traffic-manager", "agent-injector"].flatMap { service in
            ["", ".\(namespace)", ".\(namespace).svc", ".\(namespace).svc.\(clusterDomain)"].map { service + $0 }
        }
        return try authority.issue(commonName: "traffic-manager", dnsNames: names, usage: [.server])
    }

    private static func read(_ api: APIConnection, namespace: String) async -> CertificateAuthority? {
        do {
            let secret = try await api.get(.secrets, namespace: namespace, name: secretName)
            guard let certificate = secret.at("data", "tls.crt")?.string.flatMap({ Base64.decode($0) }),
                let key = secret.at("data", "tls.key")?.string.flatMap({ Base64.decode($0) })
            else { return nil }
            return try CertificateAuthority(certificatePEM: certificate, keyPEM: key)
        } catch {
            return nil
        }
    }
}
