import Actor
package import Cluster

/// Puts agents into running pods.
package struct EphemeralAgents: Sendable {
    private let injector: @Sendable () -> Injector

    package init(injector: @escaping @Sendable () -> Injector) {
        self.injector = injector
    }

    /// The change of a pod's `ephemeralcontainers`; nil when it has an agent.
    ///
    /// - Throws: `precondition` with the reason why the pod cannot have one.
    func patch(
        _ pod: JSONValue,
        of workload: WorkloadKey,
        services: [JSONValue],
        namespaceLabels: [String: String]
    ) throws(ManagerFailure) -> APIPatch? {
        let request = InjectionRequest(
            pod: pod,
            namespace: workload.namespace,
            workload: InjectionRequest.Workload(kind: workload.kind, name: workload.name),
            services: services,
            namespaceLabels: namespaceLabels
        )
        switch injector().ephemeral(request) {
        case .container(let container, _, _): return .strategic(["spec": ["ephemeralContainers": [container]]])
        case .present: return nil
        case .refused(let reason):
            throw ManagerFailure(.precondition, "pod \(PodView(pod).name) cannot get an agent while it runs: \(reason)")
        }
    }
}

extension KubernetesCluster {
    func inject(_ name: String, _ workload: WorkloadKey) async throws(APIError) {
        guard let ephemeral else {
            throw APIError(kind: .invalid, message: "this manager puts no agents into running pods")
        }
        let pod = try await api.get(.pods, namespace: workload.namespace, name: name)
        let services = try await api.list(.services, namespace: workload.namespace).items
        let labels = try? await api.get(.namespaces, name: workload.namespace).at("metadata", "labels")?.stringMap
        let patch: APIPatch?
        do throws(ManagerFailure) {
            patch = try ephemeral.patch(pod, of: workload, services: services, namespaceLabels: labels ?? [:])
        } catch {
            throw APIError(kind: .invalid, reason: "NotInjectable", message: error.message)
        }
        guard let patch else { return }
        _ = try await api.patch(
            .pods,
            namespace: workload.namespace,
            name: name,
            subresource: "ephemeralcontainers",
            patch
        )
        // As on other pods with an agent: by it they are watched. It serves without.
        let label: JSONValue = [InjectionAnnotations.workloadKind: .string(workload.kind)]
        let mark: JSONValue = ["metadata": ["uid": .string(PodView(pod).uid), "labels": label]]
        _ = try? await api.patch(.pods, namespace: workload.namespace, name: name, .merge(mark))
    }
}
