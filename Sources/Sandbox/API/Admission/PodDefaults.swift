import Cluster

/// Defaults of pods and of pod templates.
enum PodDefaults {
    /// The spec with its defaults.
    static func apply(_ spec: JSONValue, isTemplate: Bool) -> JSONValue {
        var spec = spec.with("restartPolicy", default: "Always").with("terminationGracePeriodSeconds", default: 30)
            .with("dnsPolicy", default: "ClusterFirst").with("securityContext", default: .object([:]))
            .with("schedulerName", default: "default-scheduler")
        for list in ["initContainers", "containers", "ephemeralContainers"] {
            spec[list] = spec[list]?.mapped(self.container)
        }
        spec["volumes"] = spec["volumes"]?.mapped(self.volume)
        if let account = spec["serviceAccountName"] ?? spec["serviceAccount"] {
            spec["serviceAccountName"] = account
            spec["serviceAccount"] = account
        }
        if !isTemplate {
            for list in ["initContainers", "containers"] {
                spec[list] = spec[list]?.mapped { container in
                    // Who has a limit and no request asks for all of it.
                    var container = container
                    for (resource, limit) in container.at("resources", "limits")?.object ?? [:] {
                        container.setDefault("resources", "requests", resource, to: limit)
                    }
                    return container
                }
            }
            spec.setDefault("enableServiceLinks", to: true)
            spec.setDefault("preemptionPolicy", to: "PreemptLowerPriority")
            spec.setDefault("priority", to: 0)
            spec["tolerations"] = self.tolerations(spec["tolerations"]?.array ?? [])
        }
        return spec
    }

    /// `Guaranteed`, `Burstable` or `BestEffort`, by the resources that the containers ask for.
    static func qualityOfService(_ pod: JSONValue) -> String {
        let containers =
            (pod.at("spec", "containers")?.array ?? []) + (pod.at("spec", "initContainers")?.array ?? [])
        var any = false
        var guaranteed = true
        for container in containers {
            let limits = container.at("resources", "limits")?.object ?? [:]
            let requests = container.at("resources", "requests")?.object ?? [:]
            any = any || !limits.isEmpty || !requests.isEmpty
            for resource in ["cpu", "memory"] {
                let limit = limits[resource]
                if limit == nil || (requests[resource] ?? limit) != limit { guaranteed = false }
            }
        }
        return any ? (guaranteed ? "Guaranteed" : "Burstable") : "BestEffort"
    }

    private static func container(_ container: JSONValue) -> JSONValue {
        let image = container["image"]?.string ?? ""
        let tag = image.split(separator: "/").last.map { $0.contains(":") && !$0.hasSuffix(":latest") } ?? false
        var container = container.with("terminationMessagePath", default: "/dev/termination-log")
            .with("terminationMessagePolicy", default: "File")
            .with("imagePullPolicy", default: tag || image.contains("@") ? "IfNotPresent" : "Always")
            .with("resources", default: .object([:]))
        container["ports"] = container["ports"]?.mapped { $0.with("protocol", default: "TCP") }
        container["env"] = container["env"]?.mapped { variable in
            guard variable.at("valueFrom", "fieldRef") != nil else { return variable }
            var variable = variable
            variable.setDefault("valueFrom", "fieldRef", "apiVersion", to: "v1")
            return variable
        }
        for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
            container[name] = container[name].map(self.probe)
        }
        if container.at("lifecycle", "preStop", "httpGet") != nil {
            container.setDefault("lifecycle", "preStop", "httpGet", "scheme", to: "HTTP")
        }
        return container
    }

    private static func probe(_ probe: JSONValue) -> JSONValue {
        guard case .object = probe else { return probe }
        var probe = probe.with("timeoutSeconds", default: 1).with("periodSeconds", default: 10)
            .with("successThreshold", default: 1).with("failureThreshold", default: 3)
        if probe["httpGet"] != nil {
            probe.setDefault("httpGet", "path", to: "/")
            probe.setDefault("httpGet", "scheme", to: "HTTP")
        }
        return probe
    }

    private static func volume(_ volume: JSONValue) -> JSONValue {
        var volume = volume
        if (volume.object ?? [:]).keys.allSatisfy({ $0 == "name" }) { volume["emptyDir"] = .object([:]) }
        for source in ["secret", "configMap", "projected", "downwardAPI"] where volume[source]?.object != nil {
            volume.setDefault(source, "defaultMode", to: 420)
        }
        if volume["hostPath"]?.object != nil { volume.setDefault("hostPath", "type", to: "") }
        if let sources = volume.at("projected", "sources") {
            volume.set(
                "projected",
                "sources",
                to: sources.mapped { source in
                    var source = source
                    if source["serviceAccountToken"]?.object != nil {
                        source.setDefault("serviceAccountToken", "expirationSeconds", to: 3600)
                    }
                    source.set("downwardAPI", "items", to: self.fields(source.at("downwardAPI", "items")))
                    return source
                }
            )
        }
        volume.set("downwardAPI", "items", to: self.fields(volume.at("downwardAPI", "items")))
        return volume
    }

    private static func fields(_ items: JSONValue?) -> JSONValue? {
        items?.mapped { item in
            var item = item
            if item["fieldRef"] != nil { item.setDefault("fieldRef", "apiVersion", to: "v1") }
            return item
        }
    }

    private static func tolerations(_ given: [JSONValue]) -> JSONValue {
        var tolerations = given
        for taint in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
            let covered = given.contains {
                ($0["key"]?.string ?? taint) == taint && ["", "NoExecute"].contains($0["effect"]?.string ?? "")
            }
            if covered { continue }
            tolerations.append(
                ["key": .string(taint), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300]
            )
        }
        return .array(tolerations)
    }
}
