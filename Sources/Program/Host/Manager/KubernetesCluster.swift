package import Actor
package import Cluster
package import Message
import Synchronization

/// The cluster behind an API server, as the traffic manager sees and changes it.
package final class KubernetesCluster: ManagedCluster {
    /// The kinds of workloads, those that every installation may read first.
    static let kinds: [(APIResource, String)] = [
        (.deployments, "Deployment"), (.statefulSets, "StatefulSet"), (.replicaSets, "ReplicaSet"),
        (.daemonSets, "DaemonSet"), (.jobs, "Job"), (.pods, "Pod"),
    ]

    let api: APIConnection
    private let resolver: PodResolver
    private let subnets: SubnetFinder
    private let direct: DirectAddressFinder
    /// The manager's own namespace.
    let namespace: String
    /// The name of the MutatingWebhookConfiguration; nil in an installation without injector.
    let webhook: String?
    /// How long a pod that gets no new connections any more may take to end its last requests.
    let lastRequests: Duration
    /// Pods that this very process is replacing.
    let held = Mutex(HeldPods())
    /// The namespaces that the manager is limited to; nil as long as that is not known, or when it is not.
    let ownNamespaces = Mutex<[String]?>(nil)
    /// What the latest test of the webhook has shown; nil before the first.
    let webhookProblem = Mutex<String?>(nil)
    /// Puts agents into running pods.
    let ephemeral: EphemeralAgents?

    package init(
        api: APIConnection,
        resolver: PodResolver,
        subnets: SubnetFinder,
        direct: DirectAddressFinder,
        namespace: String = "ambassador",
        webhook: String? = WebhookRegistration.name,
        lastRequests: Duration = .seconds(5),
        ephemeral: EphemeralAgents? = nil
    ) {
        self.api = api
        self.resolver = resolver
        self.subnets = subnets
        self.direct = direct
        self.namespace = namespace
        self.webhook = webhook
        self.lastRequests = lastRequests
        self.ephemeral = ephemeral
    }

    package func workloads(namespace: String) async throws(ManagerFailure) -> [WorkloadFacts] {
        var all: [WorkloadFacts] = []
        for (resource, kind) in Self.kinds {
            let list: APIList
            do throws(APIError) {
                list = try await api.list(resource, namespace: namespace)
            } catch {
                // An older installation does not let the manager see these.
                if error.kind == .forbidden, ["DaemonSet", "Job"].contains(kind) { continue }
                throw ManagerFailure(error)
            }
            if kind == "Pod" {
                all += list.items.compactMap { WorkloadFacts(bare: PodView($0)) }
                continue
            }
            for view in list.items.map({ WorkloadView($0, kind: kind) }) where view.controller == nil {
                // The manager itself is nobody's workload.
                if view.name == ManagerAuthority.configMapName, view.matchLabels["app"] == view.name { continue }
                if kind == "Job", view.object.at("status", "completionTime")?.string != nil { continue }
                all.append(WorkloadFacts(view, WorkloadKey(kind: kind, name: view.name, namespace: namespace)))
            }
        }
        if all.isEmpty { try await requireNamespace(namespace) }
        return all
    }

    package func services(namespace: String) async throws(ManagerFailure) -> [ServiceFacts] {
        do throws(APIError) {
            return try await api.list(.services, namespace: namespace).items.map { ServiceFacts(ServiceView($0)) }
        } catch {
            throw ManagerFailure(error)
        }
    }

    package func clusterInfo() async throws(ManagerFailure) -> ClusterInfo {
        ClusterInfo(
            serviceSubnets: await subnets.services(),
            podSubnets: await subnets.pods(),
            dnsAddress: await dnsAddress(),
            clusterDomain: resolver.clusterDomain,
            namespaces: await names(.namespaces).sorted(),
            directAddresses: await direct.addresses(),
            warnings: webhookProblem.withLock { $0 ?? "" }.isEmpty
                ? [] : ["new pods get no agent: \(webhookProblem.withLock { $0 ?? "" })"]
        )
    }

    // MARK: parts of the information; what the manager may not see is left out or guessed

    private func dnsAddress() async -> String {
        if let service = try? await api.get(.services, namespace: "kube-system", name: "kube-dns") {
            let address = ServiceView(service).clusterAddress
            if !address.isEmpty, address != "None" { return address }
        }
        return resolver.nameserver
    }

    func names(_ resource: APIResource) async -> [String] {
        (try? await api.list(resource))?.items.compactMap { $0.at("metadata", "name")?.string } ?? []
    }

    private func requireNamespace(_ name: String) async throws(ManagerFailure) {
        do throws(APIError) {
            _ = try await api.get(.namespaces, name: name)
        } catch {
            // Who may not look cannot know.
            guard error.kind == .notFound else { return }
            throw ManagerFailure(.notFound, "there is no namespace \(name)")
        }
    }
}

extension ManagerFailure {
    init(_ error: APIError) {
        let code: Code =
            switch error.kind {
            case .notFound: .notFound
            case .forbidden, .unauthorized, .credentials, .untrusted: .forbidden
            case .timedOut: .timeout
            case .tooManyRequests: .exhausted
            case .unreachable, .serverFailure: .unavailable
            case .cancelled: .aborted
            default: .failed
            }
        self.init(code, "the traffic manager cannot ask the API server: \(error.message)")
    }
}

extension ServiceFacts {
    init(_ view: ServiceView) {
        self.init(
            name: view.name,
            selector: view.selector,
            ports: view.ports.compactMap { port in
                guard let number = UInt16(exactly: port.number), port.transport != "SCTP" else { return nil }
                let target =
                    switch port.target {
                    case .name(let name): name
                    case .number(let number): String(number)
                    }
                return Port(
                    name: port.name ?? "",
                    number: number,
                    transport: .init(kubernetes: port.transport),
                    target: target
                )
            }
        )
    }
}

extension PortProtocol {
    init(kubernetes name: String) {
        self = name == "UDP" ? .udp : .tcp
    }
}
