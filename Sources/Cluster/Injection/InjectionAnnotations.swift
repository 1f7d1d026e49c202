/// The annotations and labels by which pods and the injector speak to each other.
package enum InjectionAnnotations {
    /// What all names begin with.
    static let prefix = "telepresence.io/"
    /// Asks for an agent (`enabled`) or forbids it (`disabled`).
    package static let inject = "telepresence.io/inject-traffic-agent"
    /// The only services to look at, separated by commas.
    package static let serviceName = "telepresence.io/inject-service-name"
    /// The only service ports to look at, by name or number, separated by commas.
    package static let servicePorts = "telepresence.io/inject-service-ports"
    /// Container ports to take over although no service leads to them, by name or number, separated by commas.
    package static let containerPorts = "telepresence.io/inject-container-ports"
    /// Volumes, or paths, whose mounts the agent does not get, separated by commas.
    package static let ignoredVolumeMounts = "telepresence.io/inject-ignore-volume-mounts"
    /// What becomes of volumes: a JSON object of policies by volume or path.
    package static let mountPolicies = "telepresence.io/mount-policies"
    /// How long the app may take for a TLS handshake; a port follows, see ``TLSAnnotations``.
    package static let probeTimeout = "telepresence.io/upstream-probe-timeout"
    /// Set on a pod that got an agent: the agent's image.
    package static let injected = "telepresence.io/traffic-agent-image"
    /// Label on a pod that got an agent: its workload's name.
    package static let workloadName = "telepresence.io/workloadName"
    /// Label on a pod that got an agent: its workload's kind.
    package static let workloadKind = "telepresence.io/workloadKind"

    /// Label on a pod that makes way for one with an agent, or without: `released` or `retired`.
    package static let replaced = "telepresence.io/replaced"
    /// Annotation beside ``replaced``: its workload, as `kind/name`.
    package static let replacedOf = "telepresence.io/replaced-of"
    /// Annotation beside ``replaced``: the labels that were taken off, as a JSON object.
    package static let replacedLabels = "telepresence.io/replaced-labels"
    /// Annotation on a pod whose agent has taken the place of containers: their names, separated by commas.
    package static let replacedContainers = "telepresence.io/replaced-containers"
    /// Label on the pod by which the manager tests its webhook.
    package static let selfTest = "telepresence.io/self-test"

    /// What a pod says about getting an agent.
    package enum Wish: Sendable, Hashable {
        /// It says nothing.
        case unset
        /// It wants one from its start.
        case enabled
        /// It must never get one.
        case disabled
        /// What it says is neither.
        case invalid(String)
    }

    /// Reads the wish of a pod, or of a workload's pod template.
    package static func wish(of pod: JSONValue) -> Wish {
        guard let value = pod.at("metadata", "annotations", inject)?.string else { return .unset }
        switch value.lowercased() {
        case "enabled", "true": return .enabled
        case "disabled", "false": return .disabled
        default: return .invalid(value)
        }
    }

    /// The containers of a pod that do not run, as its agent has taken their place.
    package static func replacedContainers(of pod: JSONValue) -> Set<String> {
        Set(list(replacedContainers, of: pod) ?? [])
    }

    /// The elements of an annotation that is a list; nil when the pod has no such annotation.
    static func list(_ name: String, of pod: JSONValue) -> [String]? {
        guard let text = pod.at("metadata", "annotations", name)?.string else { return nil }
        return text.split(separator: ",").map { element in
            let start = element.drop(while: \.isWhitespace)
            return String(start.reversed().drop(while: \.isWhitespace).reversed())
        }.filter { !$0.isEmpty }
    }
}
