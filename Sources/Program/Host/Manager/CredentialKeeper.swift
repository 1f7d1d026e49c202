import Cluster
import Glibc
import Logging
import TLS

/// Keeps the manager's certificates fresh and published.
struct CredentialKeeper: Sendable {
    /// Where the cluster publishes the authority of its client certificates.
    private static let clusterNamespace = "kube-system"
    private static let clusterConfigMap = "extension-apiserver-authentication"

    let api: APIConnection
    let namespace: String
    let credentials: ManagerCredentials
    let logger: Logger

    /// Seconds since 1970.
    static var now: Int64 { Int64(time(nil)) }

    /// The authority of the cluster's client certificates, PEM; nil when it cannot be learnt.
    static func clusterAuthorities(_ api: APIConnection, _ logger: Logger) async -> [UInt8]? {
        do throws(APIError) {
            let map = try await api.get(.configMaps, namespace: clusterNamespace, name: clusterConfigMap)
            return map.at("data", "client-ca-file")?.string.map { Array($0.utf8) } ?? []
        } catch {
            logger.warning(
                "client certificates cannot be checked",
                metadata: ["configmap": "\(clusterNamespace)/\(clusterConfigMap)", "error": "\(error)"]
            )
            return nil
        }
    }

    /// Publishes what clients have to know.
    func publish() async throws(APIError) {
        try await credentials.authority.publish(
            api,
            namespace: namespace,
            acceptsClientCertificates: credentials.knowsClusterAuthority
        )
    }

    /// Looks whether anything has changed or comes to its end; `use` is given a new identity.
    func refresh(_ use: (TLSIdentity) throws -> Void) async {
        do {
            let now = Self.now
            var authority: ManagerAuthority?
            // An authority that could not be kept must not be replaced by a fresh one at each look.
            if credentials.authority.isKept {
                authority = try await ManagerAuthority.load(api, namespace: namespace, now: now)
                if authority?.isKept == false { authority = nil }
            }
            let cluster = await Self.clusterAuthorities(api, logger)
            let changed = try credentials.refresh(authority: authority, clusterAuthorities: cluster, now: now)
            guard changed else { return }
            logger.info("certificates renewed")
            // Who reads the new authorities may dial at once: it is shown first.
            try use(credentials.identity)
            try await publish()
        } catch {
            logger.warning("certificates cannot be renewed", metadata: ["error": "\(error)"])
        }
    }
}
