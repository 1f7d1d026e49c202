internal import Cluster

extension Installer {
    /// Finds out what an uninstall would remove.
    ///
    /// - Throws: ``InstallationError`` when nothing is installed.
    package func removalPlan() async throws(InstallationError) -> RemovalPlan {
        progress("Connecting to \(cluster.server)")
        let record = try await installed()
        var plan = RemovalPlan(namespace: namespace)
        let rendered = try? Renderer(values: record.values.complete(), namespace: namespace)
            .objects(withNamespace: false)
        var candidates = record.objects.reversed() + Self.madeByManager(rendered ?? [], namespace: namespace)
        candidates.append(ObjectReference(kind: "Secret", name: InstallationRecord.secretName, namespace: namespace))
        for reference in candidates where try await cluster.find(reference) != nil { plan.objects.append(reference) }
        // From the moment that the webhook is gone, pods are made without agent.
        plan.objects =
            plan.objects.filter { $0.kind == "MutatingWebhookConfiguration" }
            + plan.objects.filter { $0.kind != "MutatingWebhookConfiguration" }
        try await addAgents(&plan, managed: try? record.values.complete()["namespaces"]?.stringArray)
        if record.madeNamespace {
            let strangers = await strangers(apartFrom: Set(plan.objects))
            plan.removesNamespace = strangers.isEmpty
            if let first = strangers.first {
                plan.notes.append(
                    "namespace \(namespace) stays: \(first) is in it"
                        + (strangers.count > 1 ? ", and \(strangers.count - 1) more" : "")
                )
            }
        }
        return plan
    }

    /// Removes what the plan names, and waits until it is gone.
    ///
    /// - Parameters:
    ///   - plan: From ``removalPlan()``.
    ///   - limit: How long agents and the namespace may take to go; nil: nobody waits, and agents stay until their pods are replaced.
    /// - Returns: What was removed.
    /// - Throws: ``InstallationError``; what is removed by then stays so, and another uninstall goes on.
    package func remove(
        _ plan: RemovalPlan,
        limit: Duration? = .seconds(120)
    ) async throws(InstallationError) -> InstallationOutcome {
        var outcome = InstallationOutcome(namespace: namespace)
        outcome.notes = plan.notes
        let clock = ContinuousClock()
        let deadline = limit.map { clock.now + $0 }
        let (webhooks, others) = (
            plan.objects.filter { $0.kind == "MutatingWebhookConfiguration" },
            plan.objects.filter { $0.kind != "MutatingWebhookConfiguration" }
        )
        for reference in webhooks { try await delete(reference, &outcome) }
        try await replace(plan.agents.filter(\.isControlled), deadline: deadline)
        for reference in others { try await delete(reference, &outcome) }
        if plan.removesNamespace {
            try await delete(ObjectReference(kind: "Namespace", name: namespace), &outcome)
        }
        guard let deadline else { return outcome }
        progress("Waiting for the traffic manager to end")
        while true {
            let isGone =
                plan.removesNamespace
                ? try await cluster.find(.namespaces, name: namespace) == nil
                : try await cluster.list(.pods, namespace: namespace, labels: ["app": Manifests.managerName]).isEmpty
            if isGone { return outcome }
            guard clock.now < deadline else {
                throw InstallationError(
                    .notReady,
                    plan.removesNamespace
                        ? "namespace \(namespace) is still being deleted" : "the traffic manager's pod does not end",
                    remedy: "kubectl -n \(namespace) get all"
                )
            }
            try await pause()
        }
    }

    private func delete(
        _ reference: ObjectReference,
        _ outcome: inout InstallationOutcome
    ) async throws(InstallationError) {
        progress("Removing \(reference)")
        if try await cluster.delete(reference) { outcome.add(reference, .deleted) }
    }

    private func pause() async throws(InstallationError) {
        do {
            try await Task.sleep(for: .milliseconds(200))
        } catch {
            throw InstallationError(.notReady, "interrupted; telepresence uninstall goes on where this ended")
        }
    }

    // MARK: - Agents

    /// Finds the pods with an agent.
    private func addAgents(_ plan: inout RemovalPlan, managed: [String]?) async throws(InstallationError) {
        var pods: [JSONValue] = []
        do throws(InstallationError) {
            if let managed, !managed.isEmpty {
                for namespace in managed { pods += try await cluster.list(.pods, namespace: namespace) }
            } else {
                pods = try await cluster.list(.pods)
            }
        } catch {
            guard error.kind == .forbidden else { throw error }
            plan.notes.append("agents stay in the pods that have one, until these are replaced: \(error.message)")
            return
        }
        for pod in pods where Self.hasAgent(pod) && pod.at("metadata", "deletionTimestamp")?.string == nil {
            let agent = RemovalPlan.AgentPod(
                name: pod.at("metadata", "name")?.string ?? "",
                namespace: pod.at("metadata", "namespace")?.string ?? "",
                uid: pod.at("metadata", "uid")?.string ?? "",
                isControlled: (pod.at("metadata", "ownerReferences")?.array ?? []).contains {
                    $0["controller"]?.bool == true
                }
            )
            plan.agents.append(agent)
            if !agent.isControlled {
                plan.notes.append(
                    "the agent stays in pod \(agent.name) of namespace \(agent.namespace): nobody would make the pod again"
                )
            }
        }
    }

    private static func hasAgent(_ pod: JSONValue) -> Bool {
        ["containers", "initContainers"].contains { list in
            (pod.at("spec", list)?.array ?? []).contains { $0["name"]?.string == AgentEnvironment.containerName }
        }
    }

    /// Evicts the pods, as their budgets allow, and waits until they are gone.
    private func replace(
        _ pods: [RemovalPlan.AgentPod],
        deadline: ContinuousClock.Instant?
    ) async throws(InstallationError) {
        guard !pods.isEmpty else { return }
        progress("Replacing \(pods.count) pods by ones without agent")
        var waiting = pods
        var leaving: [RemovalPlan.AgentPod] = []
        while true {
            var refused: [RemovalPlan.AgentPod] = []
            for pod in waiting {
                let done = try await cluster.evict(pod: pod.name, namespace: pod.namespace, uid: pod.uid)
                if done { leaving.append(pod) } else { refused.append(pod) }
            }
            waiting = refused
            guard let deadline else { return }
            var staying: [RemovalPlan.AgentPod] = []
            for pod in leaving {
                let present = try await cluster.find(.pods, namespace: pod.namespace, name: pod.name)
                if present?.at("metadata", "uid")?.string == pod.uid { staying.append(pod) }
            }
            leaving = staying
            if waiting.isEmpty, leaving.isEmpty { return }
            guard ContinuousClock.now < deadline else {
                let pod = waiting.first ?? leaving[0]
                let cause = waiting.isEmpty ? "does not end" : "may not be evicted: a disruption budget forbids it"
                throw InstallationError(
                    .notReady,
                    "pod \(pod.name) in namespace \(pod.namespace) has an agent and \(cause)",
                    remedy: "kubectl -n \(pod.namespace) get pdb,pods; then telepresence uninstall again"
                )
            }
            try await pause()
        }
    }

    // MARK: - The namespace

    /// What the manager itself makes in its namespace: the objects that its role names.
    private static func madeByManager(_ objects: [ManifestObject], namespace: String) -> [ObjectReference] {
        var made: [ObjectReference] = []
        for role in objects where role.kind == "Role" && role.name == Manifests.managerName {
            for rule in role.json["rules"]?.array ?? [] {
                let kinds = [("secrets", "Secret"), ("configmaps", "ConfigMap")].filter {
                    rule["resources"]?.stringArray.contains($0.0) == true
                }
                for (_, kind) in kinds {
                    made += (rule["resourceNames"]?.stringArray ?? []).map {
                        ObjectReference(kind: kind, name: $0, namespace: namespace)
                    }
                }
            }
        }
        return made
    }

    /// What is in the manager's namespace and none of the installation's; the reason why it cannot be known counts as such.
    private func strangers(apartFrom own: Set<ObjectReference>) async -> [String] {
        let resources: [APIResource] = [
            .deployments, .statefulSets, .daemonSets, .services, .configMaps, .secrets, .pods,
        ]
        var strangers: [String] = []
        for resource in resources {
            let items: [JSONValue]
            do throws(InstallationError) {
                items = try await cluster.list(resource, namespace: namespace)
            } catch {
                return ["something that cannot be seen (\(error.message))"]
            }
            for item in items {
                let name = item.at("metadata", "name")?.string ?? ""
                let isOwned = item.at("metadata", "ownerReferences")?.array?.isEmpty == false
                let isUsual = name == "kube-root-ca.crt" || item["type"] == "kubernetes.io/service-account-token"
                let reference = ObjectReference(kind: resource.kind, name: name, namespace: namespace)
                if !isOwned, !isUsual, !own.contains(reference) { strangers.append("\(resource.kind) \(name)") }
            }
        }
        return strangers
    }
}
