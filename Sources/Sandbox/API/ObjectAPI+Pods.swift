package import Cluster

extension ObjectAPI {
    /// Puts a pod on a node, as a scheduler does.
    @discardableResult
    package func bind(pod name: String, namespace: String, node: String) throws(StatusError) -> JSONValue {
        try self.store.update(.pods, namespace: namespace, name: name, part: .whole) { old throws(StatusError) in
            guard old.at("spec", "nodeName")?.string?.isEmpty ?? true else {
                throw .conflict(
                    .pods,
                    name,
                    "pod \(name) is already assigned to node \"\(old.at("spec", "nodeName")?.string ?? "")\""
                )
            }
            var pod = old
            pod.set("spec", "nodeName", to: .string(node))
            return pod
        }
    }

    /// Evicts a pod: deletes it unless a disruption budget forbids that now (429).
    package func evict(
        pod name: String,
        namespace: String,
        as user: UserInfo = .system,
        options: DeleteOptions = DeleteOptions()
    ) async throws(StatusError) {
        let pod = try self.store.get(.pods, namespace: namespace, name: name)
        let finished = ["Succeeded", "Failed", "Pending"].contains(pod.at("status", "phase")?.string ?? "")
        if !finished, !pod.isTerminating {
            let budgets = self.store.items(.disruptionBudgets, namespace: namespace).filter {
                LabelSelector($0.at("spec", "selector")).matches(pod)
            }
            if budgets.count > 1 {
                throw .internalError(
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
                )
            }
            if let budget = budgets.first { try self.check(budget, pod, namespace: namespace) }
        }
        try await self.delete(.pods, namespace: namespace, name: name, as: user, options: options)
    }

    private func check(_ budget: JSONValue, _ pod: JSONValue, namespace: String) throws(StatusError) {
        let selector = LabelSelector(budget.at("spec", "selector"))
        let pods = self.store.items(.pods, namespace: namespace, labels: selector)
        let healthy = pods.filter { PodState.isReady($0) && !$0.isTerminating }.count
        // Pods that are not ready count against nobody.
        if !PodState.isReady(pod) { return }
        let expected = max(pods.count, self.replicas(of: pods, namespace: namespace))
        let desired: Int
        if let least = budget.at("spec", "minAvailable") {
            desired = Self.amount(least, of: expected, roundingUp: true)
        } else if let most = budget.at("spec", "maxUnavailable") {
            desired = expected - Self.amount(most, of: expected, roundingUp: true)
        } else {
            desired = 0
        }
        guard healthy - 1 < desired else { return }
        let why = "The disruption budget \(budget.name) needs \(desired) healthy pods and has \(healthy) currently"
        throw .tooManyRequests(
            "Cannot evict pod as it would violate the pod's disruption budget.",
            retryAfter: 10,
            details: ["causes": [["reason": "DisruptionBudget", "message": .string(why)]]]
        )
    }

    private func replicas(of pods: [JSONValue], namespace: String) -> Int {
        var owners: Set<String> = []
        var sum = 0
        for owner in pods.compactMap(\.controller) {
            guard let uid = owner["uid"]?.string, owners.insert(uid).inserted,
                let kind = ResourceKind.named(
                    apiVersion: owner["apiVersion"]?.string ?? "",
                    kind: owner["kind"]?.string ?? ""
                ),
                let object = self.store.find(kind, namespace: namespace, name: owner["name"]?.string ?? "")
            else { continue }
            sum += min(object.at("spec", "replicas")?.int ?? 0, Int(Int32.max))
        }
        return sum
    }

    /// A number, or a share such as `25%`.
    package static func amount(_ value: JSONValue, of total: Int, roundingUp: Bool) -> Int {
        if let number = value.int { return min(max(0, number), Int(Int32.max)) }
        guard let text = value.string, text.hasSuffix("%"), let given = Int(text.dropLast()) else { return 0 }
        let percent = min(max(0, given), 100)
        return roundingUp ? (total * percent + 99) / 100 : total * percent / 100
    }
}
