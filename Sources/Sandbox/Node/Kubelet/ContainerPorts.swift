import Cluster

/// Ports by number or by the name that a container gives them.
enum ContainerPorts {
    /// The number behind a port reference; nil when no container has a port of that name.
    static func number(_ reference: JSONValue?, in containers: [JSONValue], transport: String? = nil) -> Int? {
        if let number = reference?.int { return number }
        guard let name = reference?.string else { return nil }
        if let number = Int(name) { return number }
        for container in containers {
            for port in container["ports"]?.array ?? [] where port["name"]?.string == name {
                if let transport, (port["protocol"]?.string ?? "TCP") != transport { continue }
                return port["containerPort"]?.int
            }
        }
        return nil
    }

    /// All containers of a pod whose ports count: the main ones and sidecars.
    static func containers(_ pod: JSONValue) -> [JSONValue] {
        let sidecars = (pod.at("spec", "initContainers")?.array ?? []).filter {
            $0["restartPolicy"]?.string == "Always"
        }
        return (pod.at("spec", "containers")?.array ?? []) + sidecars
    }
}
