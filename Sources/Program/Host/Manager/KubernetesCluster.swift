package import Actor
package import Cluster
package import Message
import Synchronization

/// The cluster behind an API server, as the traffic manager sees and changes it.
package final class KubernetesCluster: ManagedCluster {
    private static let workloadKinds: [(APIResource, String)] = [
        (.deployments, "Deployment"), (.statefulSets, "StatefulSet"), (.replicaSets, "ReplicaSet"),
    ]

    private let api: APIConnection
    private let resolver: PodResolver
    private let subnets: SubnetFinder
    private let direct: DirectAddressFinder
    /// Selectors of the workloads seen, so that looking at pods costs one request.
    private let selectors = Mutex<[WorkloadKey: [String: String]]>([:])

    package init(
        api: APIConnection,
        resolver: PodResolver,
        subnets: SubnetFinder,
        direct: DirectAddressFinder
    ) {
        self.api = api
        self.resolver = resolver
        self.subnets = subnets
        self.direct = direct
    }

    package func workloads(namespace: String) async throws(ManagerFailure) -> [WorkloadFacts] {
        var all: [WorkloadFacts] = []
        for (resource, kind) in Self.workloadKinds {
            let list: APIList
            do throws(APIError) {
                list = try await api.list(resource, namespace: namespace)
            } catch {
                throw ManagerFailure(error)
            }
            let views = list.items.map { WorkloadView($0, kind: kind) }.filter { $0.controller == nil }
            for view in views {
                let key = WorkloadKey(kind: kind, name: view.name, namespace: namespace)
                selectors.withLock { $0[key] = view.matchLabels }
                // The manager itself is nobody's workload.
                if view.name == ManagerAuthority.configMapName, view.matchLabels["app"] == view.name { continue }
                all.append(WorkloadFacts(view, key))
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

    package func pods(of workload: WorkloadKey) async throws(ManagerFailure) -> [PodFacts] {
        guard let labels = selectors.withLock({ $0[workload] }), !labels.isEmpty else {
            throw ManagerFailure(.precondition, "\(workload) has no selector")
        }
        let list: APIList
        do throws(APIError) {
            list = try await api.list(.pods, namespace: workload.namespace, selection: APISelection(matching: labels))
        } catch {
            throw ManagerFailure(error)
        }
        let owner = workload.kind == "Deployment" ? "ReplicaSet" : workload.kind
        return list.items.map { PodView($0) }.filter { pod in
            !["Succeeded", "Failed"].contains(pod.phase) && pod.controller.map { $0.kind == owner } ?? true
        }.map { pod in
            PodFacts(
                name: pod.name,
                ready: pod.isReady,
                terminating: pod.isTerminating,
                hasAgent: pod.hasAgent,
                trouble: pod.trouble ?? ""
            )
        }
    }

    package func evict(pod: String, namespace: String) async throws(ManagerFailure) {
        do throws(APIError) {
            try await api.evict(pod: pod, namespace: namespace)
        } catch {
            guard error.kind != .tooManyRequests else { throw ManagerFailure(.exhausted, error.message) }
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
            directAddresses: await direct.addresses()
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

    private func names(_ resource: APIResource) async -> [String] {
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

extension WorkloadFacts {
    init(_ view: WorkloadView, _ key: WorkloadKey) {
        let template = view.template
        self.init(
            key: key,
            labels: template.labels,
            containers: template.containers.filter { $0.name != AgentEnvironment.containerName }.map { container in
                Container(
                    name: container.name,
                    ports: container.ports.compactMap { port in
                        guard let number = UInt16(exactly: port.number), port.transport != "SCTP" else { return nil }
                        return Port(name: port.name ?? "", number: number, transport: .init(kubernetes: port.transport))
                    }
                )
            },
            replicas: view.replicas,
            ready: view.readyReplicas,
            obstacle: template.usesHostNetwork ? "its pods use the host's network" : ""
        )
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
    fileprivate init(kubernetes name: String) {
        self = name == "UDP" ? .udp : .tcp
    }
}
