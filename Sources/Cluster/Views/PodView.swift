/// A pod, as far as it matters here.
package struct PodView: ObjectView {
    package let object: JSONValue

    package init(_ object: JSONValue) {
        self.object = object
    }

    /// The app's and other containers, without init containers.
    package var containers: [ContainerView] {
        (object.at("spec", "containers")?.array ?? []).map { ContainerView($0) }
    }

    package var initContainers: [ContainerView] {
        (object.at("spec", "initContainers")?.array ?? []).map { ContainerView($0) }
    }

    /// `Pending`, `Running`, `Succeeded`, `Failed`.
    package var phase: String { object.at("status", "phase")?.string ?? "" }
    package var address: String { object.at("status", "podIP")?.string ?? "" }
    /// All addresses, IPv4 and IPv6.
    package var addresses: [String] {
        let all = (object.at("status", "podIPs")?.array ?? []).compactMap { $0["ip"]?.string }
        return all.isEmpty ? [address].filter { !$0.isEmpty } : all
    }
    package var nodeName: String { object.at("spec", "nodeName")?.string ?? "" }
    package var usesHostNetwork: Bool { object.at("spec", "hostNetwork")?.bool ?? false }

    /// Whether it runs and passes its readiness probes.
    package var isReady: Bool {
        guard phase == "Running", !isTerminating else { return false }
        let conditions = object.at("status", "conditions")?.array ?? []
        return conditions.contains { $0["type"]?.string == "Ready" && $0["status"]?.string == "True" }
    }

    /// Whether the traffic agent was injected: beside the app, as a native sidecar, or as an ephemeral container that runs.
    package var hasAgent: Bool {
        let name = AgentEnvironment.containerName
        if containers.contains(where: { $0.name == name }) || initContainers.contains(where: { $0.name == name }) {
            return true
        }
        return hasEphemeralAgent
    }

    /// Whether an ephemeral container that is an agent runs.
    package var hasEphemeralAgent: Bool {
        (object.at("status", "ephemeralContainerStatuses")?.array ?? []).contains { status in
            status["name"]?.string?.hasPrefix(AgentEnvironment.containerName) == true
                && status.at("state", "running") != nil
        }
    }

    /// Whether an ephemeral container that is an agent is to run, and has not ended.
    package var asksForEphemeralAgent: Bool {
        let ended = (object.at("status", "ephemeralContainerStatuses")?.array ?? [])
            .filter { $0.at("state", "terminated") != nil }
            .compactMap { $0["name"]?.string }
        return (object.at("spec", "ephemeralContainers")?.array ?? []).compactMap { $0["name"]?.string }
            .contains { $0.hasPrefix(AgentEnvironment.containerName) && !ended.contains($0) }
    }

    /// What keeps a pod from being ready.
    package struct Trouble: Sendable, Hashable {
        /// No node has room for it.
        package let isUnschedulable: Bool
        /// As `container: reason: message`.
        package let text: String
    }

    /// Why a container waits, has failed, or why no node takes the pod; nil when all is well or nothing is known.
    package var trouble: Trouble? {
        for condition in object.at("status", "conditions")?.array ?? []
        where condition["type"]?.string == "PodScheduled" && condition["status"]?.string == "False" {
            let message = condition["message"]?.string ?? condition["reason"]?.string ?? "no reason is given"
            return Trouble(isUnschedulable: true, text: "it cannot be scheduled: \(message)")
        }
        let statuses = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"].flatMap {
            object.at("status", $0)?.array ?? []
        }
        for status in statuses {
            guard let waiting = status.at("state", "waiting"), let reason = waiting["reason"]?.string,
                reason != "ContainerCreating", reason != "PodInitializing"
            else { continue }
            var text = "container \(status["name"]?.string ?? "?"): \(reason)"
            if let message = waiting["message"]?.string { text += ": \(message)" }
            if let last = status.at("lastState", "terminated") { text += "; " + Self.ending(last) }
            return Trouble(isUnschedulable: false, text: text)
        }
        // An init container that fails is started again; before the back-off begins it is seen like this.
        for status in object.at("status", "initContainerStatuses")?.array ?? [] {
            guard let ended = status.at("state", "terminated"), (ended["exitCode"]?.int ?? 0) != 0 else { continue }
            return Trouble(
                isUnschedulable: false,
                text: "container \(status["name"]?.string ?? "?"): " + Self.ending(ended)
            )
        }
        return nil
    }

    private static func ending(_ terminated: JSONValue) -> String {
        let message = terminated["message"]?.string.flatMap { $0.isEmpty ? nil : ": \($0)" } ?? ""
        let reason = terminated["reason"]?.string.map { " (\($0))" } ?? ""
        return "it ended with status \(terminated["exitCode"]?.int ?? 0)\(reason)\(message)"
    }
}
