internal import Cluster

/// Tells from the objects around a Deployment whether it is ready, may become so, or cannot.
///
/// Pure: what was read goes in, the state comes out.
struct RolloutJudge {
    /// How long a lack of nodes is taken for a passing one: a cluster may be adding some.
    private static let patience = Duration.seconds(15)

    /// What was read at one moment.
    struct Scene: Sendable {
        var deployment: JSONValue
        var replicaSets: [JSONValue]
        var pods: [JSONValue]
        /// Events of the namespace.
        var events: [JSONValue]
    }

    let scene: Scene
    /// Since the Deployment was applied.
    let elapsed: Duration

    /// The state at this moment.
    func state() -> RolloutState {
        let deployment = scene.deployment
        let status = deployment["status"] ?? .emptyObject
        let generation = deployment.at("metadata", "generation")?.integer ?? 0
        guard (status["observedGeneration"]?.integer ?? 0) >= generation else {
            return .waiting("Waiting for Kubernetes to take up the Deployment")
        }
        if let failure = conditionFailure(status) { return .failed(failure) }
        let desired = deployment.at("spec", "replicas")?.int ?? 1
        let pods = currentPods
        if status["updatedReplicas"]?.int ?? 0 >= desired, status["availableReplicas"]?.int ?? 0 >= desired,
            status["replicas"]?.int ?? 0 <= desired, pods.filter(Self.isReady).count >= desired
        {
            return .ready
        }
        var waiting = "Waiting for the pod to be made"
        for pod in pods {
            switch podState(pod) {
            case .failed(let failure): return .failed(failure)
            case .waiting(let text): waiting = text
            case .ready: break
            }
        }
        if pods.isEmpty, scene.pods.contains(where: Self.isTerminating) { waiting = "Waiting for the old pod to end" }
        return .waiting(waiting)
    }

    /// The pods of the newest ReplicaSet that are there to stay.
    private var currentPods: [JSONValue] {
        let uid = scene.deployment.at("metadata", "uid")?.string
        func revision(_ set: JSONValue) -> Int {
            (set.at("metadata", "annotations")?.stringMap["deployment.kubernetes.io/revision"]).flatMap { Int($0) } ?? 0
        }
        let newest = scene.replicaSets.filter { Self.owner($0) == uid }.max { revision($0) < revision($1) }
        guard let set = newest?.at("metadata", "uid")?.string else { return [] }
        return scene.pods.filter { Self.owner($0) == set && !Self.isTerminating($0) }
    }

    private func conditionFailure(_ status: JSONValue) -> RolloutFailure? {
        for condition in status["conditions"]?.array ?? [] {
            let message = condition["message"]?.string ?? ""
            switch (condition["type"]?.string, condition["status"]?.string) {
            case ("ReplicaFailure", "True"):
                return RolloutFailure(
                    reason: "Kubernetes does not make the pod: \(message)",
                    remedy: "change what forbids it (quota, Pod Security, an admission webhook)"
                )
            case ("Progressing", "False") where condition["reason"]?.string == "ProgressDeadlineExceeded":
                return RolloutFailure(reason: message)
            default: break
            }
        }
        return nil
    }

    private func podState(_ pod: JSONValue) -> RolloutState {
        let name = pod.at("metadata", "name")?.string ?? ""
        for condition in pod.at("status", "conditions")?.array ?? []
        where condition["type"] == "PodScheduled" && condition["status"] == "False" {
            let message = condition["message"]?.string ?? "no node takes it"
            guard elapsed < Self.patience else {
                return .failed(
                    RolloutFailure(
                        reason: "no node takes pod \(name): \(message)",
                        remedy: "make room, or change the values nodeSelector, tolerations, affinity or resources"
                    )
                )
            }
            return .waiting("Waiting for a node for pod \(name): \(message)")
        }
        if pod.at("status", "phase") == "Failed" {
            let message = pod.at("status", "message")?.string ?? pod.at("status", "reason")?.string ?? "no reason given"
            return .failed(RolloutFailure(reason: "pod \(name) has failed: \(message)"))
        }
        let containers =
            (pod.at("status", "initContainerStatuses")?.array ?? [])
            + (pod.at("status", "containerStatuses")?.array ?? [])
        for status in containers {
            let state = containerState(status, pod: name)
            if state != .ready { return state }
        }
        if Self.isReady(pod) { return .ready }
        guard !containers.isEmpty else { return .waiting("Waiting for pod \(name) to start") }
        let unhealthy = event("Unhealthy", pod: name).map { " (\($0))" } ?? ""
        return .waiting("Waiting for pod \(name) to be ready\(unhealthy)")
    }

    private func containerState(_ status: JSONValue, pod: String) -> RolloutState {
        let name = status["name"]?.string ?? ""
        let image = status["image"]?.string ?? ""
        let restarts = status["restartCount"]?.int ?? 0
        if let waiting = status.at("state", "waiting") {
            let message = waiting["message"]?.string ?? ""
            let reason = waiting["reason"]?.string ?? ""
            switch reason {
            case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError":
                let cause = event("Failed", pod: pod, containing: "image") ?? message
                let text = "the image \(image) of pod \(pod) cannot be had: \(cause)"
                // The first failure may be the registry's hiccup; the kubelet tries again before it backs off.
                guard reason != "ErrImagePull" else { return .waiting("Pulling again: \(text)") }
                return .failed(
                    RolloutFailure(
                        reason: text,
                        remedy: "correct the values image.registry, image.name, image.tag or image.pullSecrets"
                    )
                )
            case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
                return .failed(
                    RolloutFailure(
                        reason: "container \(name) of pod \(pod) cannot be started (\(reason)): \(message)",
                        container: .init(pod: pod, name: name, previous: false)
                    )
                )
            case "CrashLoopBackOff": return .failed(crash(status, pod: pod, name: name, previous: true))
            default: return .waiting("Waiting for pod \(pod) to start")
            }
        }
        if let ended = status.at("state", "terminated"), ended["exitCode"]?.int ?? 0 != 0 {
            return restarts >= 1
                ? .failed(crash(status, pod: pod, name: name, previous: false))
                : .waiting("Waiting for pod \(pod), which has ended once, to start again")
        }
        // It runs for now, but has crashed again and again.
        if restarts >= 2, status["ready"]?.bool != true {
            return .failed(crash(status, pod: pod, name: name, previous: true))
        }
        return .ready
    }

    private func crash(_ status: JSONValue, pod: String, name: String, previous: Bool) -> RolloutFailure {
        let ended = status.at("state", "terminated") ?? status.at("lastState", "terminated") ?? .emptyObject
        var cause = ended["exitCode"]?.int.map { "exit status \($0)" } ?? "it ends"
        if let reason = ended["reason"]?.string, reason != "Error" { cause += " (\(reason))" }
        return RolloutFailure(
            reason: "container \(name) of pod \(pod) ends again and again: \(cause)",
            remedy: ended["reason"] == "OOMKilled" ? "give it more memory: --set resources.limits.memory=1Gi" : nil,
            container: .init(pod: pod, name: name, previous: previous)
        )
    }

    /// The newest event about a pod for a reason.
    private func event(_ reason: String, pod: String, containing word: String = "") -> String? {
        scene.events.filter { event in
            event["reason"]?.string == reason && event.at("involvedObject", "name")?.string == pod
                && (word.isEmpty || event["message"]?.string?.contains(word) == true)
        }.max { Self.time($0) < Self.time($1) }?["message"]?.string
    }

    private static func time(_ event: JSONValue) -> String {
        event["lastTimestamp"]?.string ?? event["eventTime"]?.string ?? ""
    }

    private static func owner(_ object: JSONValue) -> String? {
        object.at("metadata", "ownerReferences")?.array?.first { $0["controller"]?.bool == true }?["uid"]?.string
    }

    private static func isTerminating(_ object: JSONValue) -> Bool {
        object.at("metadata", "deletionTimestamp")?.string != nil
    }

    private static func isReady(_ pod: JSONValue) -> Bool {
        (pod.at("status", "conditions")?.array ?? []).contains { $0["type"] == "Ready" && $0["status"] == "True" }
    }
}
