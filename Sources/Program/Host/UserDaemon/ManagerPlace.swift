import Actor
import Cluster

/// Where the traffic manager of a cluster is, and how it proves itself.
struct ManagerPlace: Sendable {
    let namespace: String
    let pod: String
    /// The port for links, in the pod.
    let port: Int
    /// The certificates of the manager's authorities, PEM, as the administrator's cluster publishes them.
    let authority: [UInt8]
    /// The manager knows the authority of the cluster's client certificates.
    let takesClientCertificates: Bool

    /// The name in the manager's certificate.
    var serverName: String { "traffic-manager.\(namespace).svc" }

    /// Asks the cluster.
    static func find(_ api: APIConnection, namespace: String) async throws -> ManagerPlace {
        let pods = try await api.list(
            .pods,
            namespace: namespace,
            selection: APISelection(labels: "app=traffic-manager")
        )
        let remedy = "install it with `kubectl apply -k k8s/base`, or name its namespace with --manager-namespace"
        guard !pods.items.isEmpty else {
            throw DaemonFailure(.notFound, "no traffic manager is installed in namespace \(namespace); \(remedy)")
        }
        guard let pod = pods.items.first(where: isReady)?.at("metadata", "name")?.string else {
            let states = pods.items.map { pod in
                let name = pod.at("metadata", "name")?.string ?? "?"
                let reason = pod.at("status", "containerStatuses")?.array?.first?.at("state", "waiting", "reason")?
                    .string
                return "\(name) is \(reason ?? pod.at("status", "phase")?.string ?? "not ready")"
            }
            throw DaemonFailure(
                .unavailable,
                "the traffic manager in namespace \(namespace) is not ready: \(states.joined(separator: ", "))"
            )
        }
        let published: JSONValue
        do throws(APIError) {
            published = try await api.get(.configMaps, namespace: namespace, name: "traffic-manager")
        } catch {
            guard error.kind == .notFound else { throw error }
            throw DaemonFailure(
                .unavailable,
                "the traffic manager in namespace \(namespace) has not published its certificate yet; try again"
            )
        }
        guard let authority = published.at("data", "ca.crt")?.string, !authority.isEmpty else {
            throw DaemonFailure(.failed, "ConfigMap traffic-manager in namespace \(namespace) has no ca.crt")
        }
        return ManagerPlace(
            namespace: namespace,
            pod: pod,
            port: 8081,
            authority: Array(authority.utf8),
            takesClientCertificates: published.at("data", "client-certificates")?.string == "accepted"
        )
    }

    private static func isReady(_ pod: JSONValue) -> Bool {
        guard pod.at("metadata", "deletionTimestamp")?.string == nil else { return false }
        return pod.at("status", "conditions")?.array?.contains {
            $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
        } ?? false
    }
}
