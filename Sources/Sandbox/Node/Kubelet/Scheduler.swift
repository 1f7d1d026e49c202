import Cluster

/// Puts pods on the one node, or says in the scheduler's words why it cannot take them.
///
/// It looks at node selectors, required node affinity, taints, and at what the pods on the node ask for; nothing else
/// matters where there is one node.
package struct Scheduler: Sendable {
    private static let all = ObjectKey(namespace: "", name: "")

    private let store: ObjectStore
    private let events: EventRecorder

    /// The scheduler of a cluster.
    package init(store: ObjectStore) {
        self.store = store
        self.events = EventRecorder(store: store, component: "default-scheduler")
    }

    /// Works until its task is cancelled.
    package func run() async {
        let loop = ControllerLoop("scheduler", store: self.store)
        loop.watch(.pods) { event in
            // Room on the node: who waits may try again.
            if event.change == .deleted || !event.object.isActivePod { return [Self.all] }
            return Self.waits(event.object) ? [ObjectKey(event.object)] : []
        }
        loop.watch(.nodes) { _ in [Self.all] }
        await loop.run { key throws(StatusError) in
            if key == Self.all {
                for pod in self.store.items(.pods) where Self.waits(pod) { try self.place(pod) }
            } else if let pod = self.store.find(.pods, namespace: key.namespace, name: key.name), Self.waits(pod) {
                try self.place(pod)
            }
        }
    }

    private static func waits(_ pod: JSONValue) -> Bool {
        (pod.at("spec", "nodeName")?.string ?? "").isEmpty && !pod.isTerminating
            && (pod.at("spec", "schedulerName")?.string ?? "default-scheduler") == "default-scheduler"
            && (pod.at("spec", "schedulingGates")?.array ?? []).isEmpty
    }

    private func place(_ pod: JSONValue) throws(StatusError) {
        let nodes = self.store.items(.nodes)
        let others = self.store.items(.pods).filter { $0.at("spec", "nodeName") != nil && $0.isOnNode }
        var why: [String: Int] = [:]
        for node in nodes {
            let reasons = NodeFit.obstacles(pod, node: node, others: others.filter { $0.runs(on: node) })
            if reasons.isEmpty { return try self.bind(pod, node.name) }
            for reason in reasons { why[reason, default: 0] += 1 }
        }
        let list = why.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        let message =
            nodes.isEmpty ? "no nodes available to schedule pods" : "0/\(nodes.count) nodes are available: \(list)."
        try self.setCondition(pod, false, message)
        self.events.record(pod, "FailedScheduling", message, warning: true)
    }

    private func bind(_ pod: JSONValue, _ node: String) throws(StatusError) {
        let uid = pod.uid
        let bound = try self.store.update(.pods, namespace: pod.namespace, name: pod.name, part: .whole) {
            old throws(StatusError) in
            guard old.uid == uid, Self.waits(old) else { return old }
            var pod = old
            pod.set("spec", "nodeName", to: .string(node))
            pod.set("status", "phase", to: "Pending")
            pod.set("status", "conditions", to: .array(Self.conditions(of: old, true, "")))
            return pod
        }
        let message = "Successfully assigned \(pod.namespace)/\(pod.name) to \(node)"
        self.events.record(bound, "Scheduled", message)
    }

    private func setCondition(_ pod: JSONValue, _ status: Bool, _ message: String) throws(StatusError) {
        let uid = pod.uid
        try self.store.update(.pods, namespace: pod.namespace, name: pod.name, part: .status) {
            old throws(StatusError) in
            guard old.uid == uid, Self.waits(old) else { return old }
            var pod = old
            pod.set("status", "conditions", to: .array(Self.conditions(of: old, status, message)))
            return pod
        }
    }

    private static func conditions(of pod: JSONValue, _ status: Bool, _ message: String) -> [JSONValue] {
        var conditions = pod.at("status", "conditions")?.array ?? []
        let old = conditions.first { $0["type"]?.string == "PodScheduled" }
        conditions.removeAll { $0["type"]?.string == "PodScheduled" }
        let text: JSONValue = status ? "True" : "False"
        var condition: JSONValue = ["type": "PodScheduled", "status": text, "lastProbeTime": .null]
        condition["lastTransitionTime"] =
            old?["status"] == text ? old?["lastTransitionTime"] : .string(Timestamp.now())
        if !status {
            condition["reason"] = "Unschedulable"
            condition["message"] = .string(message)
        }
        return conditions + [condition]
    }
}

extension JSONValue {
    /// Whether a pod takes room on a node: it has not ended.
    fileprivate var isOnNode: Bool { !["Succeeded", "Failed"].contains(self.at("status", "phase")?.string ?? "") }

    fileprivate func runs(on node: JSONValue) -> Bool { self.at("spec", "nodeName")?.string == node.name }
}
