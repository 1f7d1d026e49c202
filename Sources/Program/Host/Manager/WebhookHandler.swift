import Actor
import Cluster
import Logging

/// Decides whether a new pod gets a traffic agent: answers the admission webhook.
struct WebhookHandler: Sendable {
    let api: APIConnection
    let manager: TrafficManager
    /// With what holds at the time: the authority may be another one.
    let injector: @Sendable () -> Injector
    let logger: Logger

    /// Answers one review.
    ///
    /// A dry run has no effect.
    func answer(_ request: AdmissionRequest) async throws -> AdmissionResponse {
        guard request.operation == "CREATE", request.kind == "Pod" else { return .allow() }
        let pod = request.object
        let wish = InjectionAnnotations.wish(of: pod)
        if wish == .disabled { return .allow() }
        var warnings: [String] = []
        if case .invalid(let text) = wish {
            warnings.append("telepresence: \(InjectionAnnotations.inject) is \"\(text)\", not enabled or disabled")
        }
        guard let workload = try await owner(of: PodView(pod), namespace: request.namespace) else {
            return .allow(warnings: warnings)
        }
        guard await manager.wantsAgent(workload) || wish == .enabled else { return .allow(warnings: warnings) }
        let services = try await api.list(.services, namespace: request.namespace).items
        let labels = try? await api.get(.namespaces, name: request.namespace).at("metadata", "labels")?.stringMap
        let outcome = injector().inject(
            InjectionRequest(
                pod: pod,
                namespace: request.namespace,
                workload: InjectionRequest.Workload(kind: workload.kind, name: workload.name),
                services: services,
                namespaceLabels: labels ?? [:],
                replaced: await manager.replacedContainers(of: workload)
            )
        )
        switch outcome {
        case .inject(let patch, _, let told):
            if !request.dryRun { await manager.injected(workload, refusal: nil) }
            for warning in request.dryRun ? [] : told {
                logger.warning("injecting", metadata: ["workload": "\(workload)", "reason": "\(warning)"])
            }
            logger.debug("injecting", metadata: ["workload": "\(workload)", "dryRun": "\(request.dryRun)"])
            return .allow(patch, warnings: warnings + told.map { "telepresence: \($0)" })
        case .present: return .allow(warnings: warnings)
        case .refused(let reason):
            if !request.dryRun { await manager.injected(workload, refusal: reason) }
            logger.warning("not injected", metadata: ["workload": "\(workload)", "reason": "\(reason)"])
            return .allow(warnings: warnings + ["telepresence: no traffic agent was added: \(reason)"])
        }
    }

    /// The workload that a pod belongs to; nil for pods that belong to none that can be attached to.
    private func owner(of pod: PodView, namespace: String) async throws -> WorkloadKey? {
        guard let owner = pod.controller else {
            // A pod of its own gets an agent only when it asks for it itself, and has a name yet.
            return pod.name.isEmpty ? nil : WorkloadKey(kind: "Pod", name: pod.name, namespace: namespace)
        }
        switch owner.kind {
        case "StatefulSet", "DaemonSet", "Job":
            return WorkloadKey(kind: owner.kind, name: owner.name, namespace: namespace)
        case "ReplicaSet":
            let set = try await api.get(.replicaSets, namespace: namespace, name: owner.name)
            let above = WorkloadView(set, kind: "ReplicaSet").controller
            guard let above else { return WorkloadKey(kind: owner.kind, name: owner.name, namespace: namespace) }
            guard above.kind == "Deployment" else { return nil }
            return WorkloadKey(kind: above.kind, name: above.name, namespace: namespace)
        default: return nil
        }
    }
}
