import Cluster

/// The app's environment, which Kubernetes has resolved into the agent's own under a prefix.
enum AppEnvironment {
    /// The variables of each container, by its name.
    static func read(_ environment: [String: String], containers: [AgentConfig.Container]) -> [String: [String: String]]
    {
        var result: [String: [String: String]] = [:]
        for container in containers {
            var variables: [String: String] = [:]
            for (name, value) in environment where name.hasPrefix(container.environmentPrefix) {
                let own = String(name.dropFirst(container.environmentPrefix.count))
                // A reference that Kubernetes could not resolve stays as it stands in the manifest, where it had another name.
                if !own.isEmpty { variables[own] = value.replacing("$(\(container.environmentPrefix)", with: "$(") }
            }
            // What the kubelet gives to every container of the pod belongs to the app's environment as well.
            for (name, value) in environment where isService(name) && variables[name] == nil {
                variables[name] = value
            }
            result[container.name] = variables
        }
        return result
    }

    /// The variables by which Kubernetes announces services: `X_SERVICE_HOST`, `X_PORT_80_TCP_ADDR` and the like.
    private static func isService(_ name: String) -> Bool {
        guard !name.hasPrefix("_TEL_"), !name.hasPrefix("TELEPRESENCE_") else { return false }
        return name.hasSuffix("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || name.contains("_PORT_")
            || name.hasSuffix("_PORT") && name.first?.isUppercase == true
    }
}
