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

    /// Whether the traffic agent was injected.
    package var hasAgent: Bool {
        containers.contains { $0.name == AgentEnvironment.containerName }
    }

    /// Why a container waits or has ended, as `container: reason: message`; nil when all is well or nothing is known.
    package var trouble: String? {
        let statuses =
            (object.at("status", "initContainerStatuses")?.array ?? [])
            + (object.at("status", "containerStatuses")?.array ?? [])
        for status in statuses {
            guard let waiting = status.at("state", "waiting"), let reason = waiting["reason"]?.string,
                reason != "ContainerCreating", reason != "PodInitializing"
            else { continue }
            let message = waiting["message"]?.string.map { ": \($0)" } ?? ""
            return "\(status["name"]?.string ?? "?"): \(reason)\(message)"
        }
        return nil
    }
}
