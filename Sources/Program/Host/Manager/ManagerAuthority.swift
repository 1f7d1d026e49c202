package import Cluster
package import TLS

/// The traffic manager's certificate authority, kept in the cluster so that clients' pins survive a restart.
package struct ManagerAuthority: Sendable {
    /// Name of the Secret that keeps it.
    package static let secretName = "traffic-manager-ca"
    /// Name of the ConfigMap that publishes its certificate, under `ca.crt`.
    package static let configMapName = "traffic-manager"
    /// The key there that says `accepted` when client certificates of the cluster's authority prove who somebody is.
    package static let clientCertificatesKey = "client-certificates"

    /// The part of its life that is left when another one takes its place: those who trust it alone have that time to learn.
    static let remainder = 5

    package let authority: CertificateAuthority
    /// The certificate of the one before, PEM, as long as it is valid; peers may know nothing newer.
    package let previous: [UInt8]?
    /// The one before vouches for this one, PEM: shown after a leaf, it convinces who trusts that one alone.
    package let cross: [UInt8]?
    /// It is in the Secret: another start will have the same one.
    package let isKept: Bool

    package init(
        authority: CertificateAuthority,
        previous: [UInt8]? = nil,
        cross: [UInt8]? = nil,
        isKept: Bool = false
    ) {
        self.authority = authority
        self.previous = previous
        self.cross = cross
        self.isKept = isKept
    }

    /// What peers pin: every authority that is trusted, PEM.
    package var bundle: [UInt8] { authority.certificatePEM + (previous ?? []) }

    /// A fresh one, under a name that no other has.
    static func make(days: Int = 3650) throws(TLSError) -> CertificateAuthority {
        let number = UInt32.random(in: .min ... .max)
        return try CertificateAuthority(commonName: "telepresence traffic-manager \(number)", days: days)
    }

    /// Reads the authority from the Secret, or makes one and tries to keep it; one that comes to its end is replaced.
    ///
    /// - Parameters:
    ///   - api: the API server.
    ///   - namespace: the manager's.
    ///   - now: seconds since 1970.
    /// - Returns: The authority for this run, or until the next look.
    /// - Throws: `TLSError` only: without the right to read or write Secrets the authority lives as long as the process.
    package static func load(
        _ api: APIConnection,
        namespace: String,
        now: Int64
    ) async throws(TLSError) -> ManagerAuthority {
        if let (kept, version) = await read(api, namespace: namespace, now: now) {
            guard let next = try kept.successor(now: now) else { return kept }
            return await next.keep(api, namespace: namespace, over: version, now: now) ?? kept
        }
        let fresh = ManagerAuthority(authority: try make())
        // Another manager may have been quicker.
        return await fresh.keep(api, namespace: namespace, over: nil, now: now) ?? fresh
    }

    /// The one that is to take its place by now, which it vouches for; nil while it has time.
    package func successor(now: Int64) throws(TLSError) -> ManagerAuthority? {
        let own = try PeerCertificate(pem: authority.certificatePEM)
        let left = own.notAfter - now
        guard left < (own.notAfter - own.notBefore) / Int64(Self.remainder) else { return nil }
        let fresh = try Self.make()
        guard left > 0 else { return ManagerAuthority(authority: fresh) }
        return ManagerAuthority(
            authority: fresh,
            previous: authority.certificatePEM,
            cross: try authority.crossSign(fresh, seconds: Int(left))
        )
    }

    /// Writes it into the Secret, in place of what had `version`.
    ///
    /// - Returns: What the Secret holds then: this one or, where somebody was quicker, that one; nil when it holds none.
    private func keep(
        _ api: APIConnection,
        namespace: String,
        over version: String?,
        now: Int64
    ) async -> ManagerAuthority? {
        let data: JSONValue = [
            "tls.crt": .string(Base64.encode(authority.certificatePEM)),
            "tls.key": .string(Base64.encode(authority.keyPEM)),
            "previous.crt": previous.map { .string(Base64.encode($0)) } ?? .null,
            "cross.crt": cross.map { .string(Base64.encode($0)) } ?? .null,
        ]
        do throws(APIError) {
            if let version {
                let patch: JSONValue = ["metadata": ["resourceVersion": .string(version)], "data": data]
                _ = try await api.patch(.secrets, namespace: namespace, name: Self.secretName, .merge(patch))
            } else {
                let secret: JSONValue = [
                    "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                    "metadata": ["name": .string(Self.secretName), "namespace": .string(namespace)],
                    "data": .object((data.object ?? [:]).filter { !$0.value.isNull }),
                ]
                _ = try await api.create(.secrets, namespace: namespace, secret)
            }
            return ManagerAuthority(authority: authority, previous: previous, cross: cross, isKept: true)
        } catch {
            return await Self.read(api, namespace: namespace, now: now)?.0
        }
    }

    /// Publishes the certificates for clients to pin, and whether they may prove themselves by certificates of the cluster's.
    package func publish(
        _ api: APIConnection,
        namespace: String,
        acceptsClientCertificates: Bool
    ) async throws(APIError) {
        let data: JSONValue = [
            "ca.crt": .string(String(decoding: bundle, as: UTF8.self)),
            Self.clientCertificatesKey: .string(acceptsClientCertificates ? "accepted" : "unknown"),
        ]
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
        let present = try await api.get(.mutatingWebhookConfigurations, name: name)
        guard let patch = WebhookRegistration.patch(configuration: present, authority: bundle) else {
            return
        }
        _ = try await api.patch(.mutatingWebhookConfigurations, name: name, .merge(patch))
    }

    /// The names of the manager's listeners: all that their Services have.
    package static func names(namespace: String, clusterDomain: String) -> [String] {
        ["traffic-manager", "agent-injector"].flatMap { service in
            ["", ".\(namespace)", ".\(namespace).svc", ".\(namespace).svc.\(clusterDomain)"].map { service + $0 }
        }
    }

    /// An identity for the manager's listeners.
    package func identity(names: [String], days: Int) throws(TLSError) -> TLSIdentity {
        let made = try authority.issue(
            commonName: "traffic-manager",
            dnsNames: names,
            uris: CertificateName.manager.uris,
            days: days,
            usage: [.server]
        )
        return TLSIdentity(
            certificateChainPEM: made.certificateChainPEM + (cross ?? []),
            privateKeyPEM: made.privateKeyPEM
        )
    }

    /// What the Secret holds and its version; what has expired of it is left out.
    private static func read(
        _ api: APIConnection,
        namespace: String,
        now: Int64
    ) async -> (ManagerAuthority, version: String)? {
        do {
            let secret = try await api.get(.secrets, namespace: namespace, name: secretName)
            func part(_ name: String) -> [UInt8]? { secret.at("data", name)?.string.flatMap { Base64.decode($0) } }
            guard let certificate = part("tls.crt"), let key = part("tls.key") else { return nil }
            let previous = part("previous.crt")
            let isValid = try previous.map { try PeerCertificate(pem: $0).notAfter > now } ?? false
            let authority = ManagerAuthority(
                authority: try CertificateAuthority(certificatePEM: certificate, keyPEM: key),
                previous: isValid ? previous : nil,
                cross: isValid ? part("cross.crt") : nil,
                isKept: true
            )
            return (authority, secret.at("metadata", "resourceVersion")?.string ?? "")
        } catch {
            return nil
        }
    }
}
