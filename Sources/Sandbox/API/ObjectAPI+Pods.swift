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
            if let budget = budgets.first { try self.check(budget, pod) }
        }
        try await self.delete(.pods, namespace: namespace, name: name, as: user, options: options)
    }

    private func check(_ budget: JSONValue, _ pod: JSONValue) throws(StatusError) {
        let count = DisruptionCount(budget, store: self.store)
        if !PodState.isReady(pod) {
            // A pod that is not ready protects nobody; but by default it may go only while enough others are.
            let always = budget.at("spec", "unhealthyPodEvictionPolicy")?.string == "AlwaysAllow"
            if always || count.healthy >= count.desired && count.desired > 0 { return }
        }
        guard count.allowed < 1 else { return }
        let why =
            "The disruption budget \(budget.name) needs \(count.desired) healthy pods and has \(count.healthy) currently"
        throw .tooManyRequests(
            "Cannot evict pod as it would violate the pod's disruption budget.",
            details: ["causes": [["reason": "DisruptionBudget", "message": .string(why)]]]
        )
    }

    /// A number, or a share such as `25%`.
    package static func amount(_ value: JSONValue, of total: Int, roundingUp: Bool) -> Int {
        if let number = value.int { return min(max(0, number), Int(Int32.max)) }
        guard let text = value.string, text.hasSuffix("%"), let given = Int(text.dropLast()) else { return 0 }
        let percent = min(max(0, given), 100)
        return roundingUp ? (total * percent + 99) / 100 : total * percent / 100
    }
}
