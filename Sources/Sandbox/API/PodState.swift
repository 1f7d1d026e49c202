import Cluster

/// What can be read from a pod's status.
enum PodState {
    /// Whether the pod's `Ready` condition holds.
    static func isReady(_ pod: JSONValue) -> Bool {
        (pod.at("status", "conditions")?.array ?? []).contains { $0["type"] == "Ready" && $0["status"] == "True" }
    }

    /// The text of kubectl's STATUS column.
    static func summary(_ pod: JSONValue) -> String {
        var reason = pod.at("status", "reason")?.string ?? pod.at("status", "phase")?.string ?? ""
        let sidecars = Set(
            (pod.at("spec", "initContainers")?.array ?? []).filter { $0["restartPolicy"] == "Always" }
                .compactMap { $0["name"]?.string }
        )
        let initial = pod.at("status", "initContainerStatuses")?.array ?? []
        var initializing = false
        for (index, status) in initial.enumerated() {
            if status.at("state", "terminated", "exitCode")?.int == 0 { continue }
            if sidecars.contains(status["name"]?.string ?? ""), status["started"]?.bool == true { continue }
            initializing = true
            if let ended = status.at("state", "terminated") {
                reason = "Init:" + (ended["reason"]?.string ?? "ExitCode:\(ended["exitCode"]?.int ?? 0)")
            } else if let waiting = status.at("state", "waiting", "reason")?.string, waiting != "PodInitializing" {
                reason = "Init:" + waiting
            } else {
                reason = "Init:\(index)/\(pod.at("spec", "initContainers")?.array?.count ?? 0)"
            }
            break
        }
        if !initializing {
            var running = false
            for status in (pod.at("status", "containerStatuses")?.array ?? []).reversed() {
                if let waiting = status.at("state", "waiting", "reason")?.string, !waiting.isEmpty {
                    reason = waiting
                } else if let ended = status.at("state", "terminated") {
                    reason = ended["reason"]?.string ?? "ExitCode:\(ended["exitCode"]?.int ?? 0)"
                } else if status["ready"]?.bool == true, status.at("state", "running") != nil {
                    running = true
                }
            }
            if reason == "Completed", running { reason = self.isReady(pod) ? "Running" : "NotReady" }
        }
        if pod.isTerminating { reason = "Terminating" }
        return reason
    }
}
