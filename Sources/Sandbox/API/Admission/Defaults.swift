import Cluster

/// What the API server fills in where an object says nothing, as far as anything in the sandbox or its users reads it.
enum Defaults {
    /// The object with its kind's defaults.
    static func apply(_ kind: ResourceKind, _ object: JSONValue) -> JSONValue {
        var object = object
        switch kind {
        case .pods:
            object["spec"] = PodDefaults.apply(object["spec"] ?? .object([:]), isTemplate: false)
            object.setDefault("status", "phase", to: "Pending")
            object.setDefault("status", "qosClass", to: .string(PodDefaults.qualityOfService(object)))
        case .deployments: self.deployment(&object)
        case .replicaSets:
            object.setDefault("spec", "replicas", to: 1)
            self.template(&object)
        case .statefulSets:
            object.setDefault("spec", "replicas", to: 1)
            object.setDefault("spec", "podManagementPolicy", to: "OrderedReady")
            object.setDefault("spec", "revisionHistoryLimit", to: 10)
            object.setDefault("spec", "updateStrategy", "type", to: "RollingUpdate")
            if object.at("spec", "updateStrategy", "type")?.string == "RollingUpdate" {
                object.setDefault("spec", "updateStrategy", "rollingUpdate", "partition", to: 0)
            }
            object.setDefault(
                "spec",
                "persistentVolumeClaimRetentionPolicy",
                to: ["whenDeleted": "Retain", "whenScaled": "Retain"]
            )
            self.template(&object)
        case .daemonSets:
            object.setDefault("spec", "revisionHistoryLimit", to: 10)
            object.setDefault("spec", "updateStrategy", "type", to: "RollingUpdate")
            if object.at("spec", "updateStrategy", "type")?.string == "RollingUpdate" {
                object.setDefault("spec", "updateStrategy", "rollingUpdate", "maxUnavailable", to: 1)
                object.setDefault("spec", "updateStrategy", "rollingUpdate", "maxSurge", to: 0)
            }
            self.template(&object)
        case .jobs: self.job(&object)
        case .services: self.service(&object)
        case .endpoints:
            object["subsets"] = object["subsets"]?.mapped { subset in
                var subset = subset
                subset["ports"] = subset["ports"]?.mapped { $0.with("protocol", default: "TCP") }
                return subset
            }
        case .endpointSlices:
            object["ports"] = object["ports"]?.mapped {
                $0.with("protocol", default: "TCP").with("name", default: "")
            }
        case .namespaces:
            object.set("metadata", "labels", "kubernetes.io/metadata.name", to: .string(object.name))
            object.setDefault("spec", "finalizers", to: ["kubernetes"])
            object.setDefault("status", "phase", to: "Active")
        case .secrets:
            object.setDefault("type", to: "Opaque")
            if case .object(let texts) = object["stringData"] {
                for (key, value) in texts {
                    object.set("data", key, to: .string(Base64.encode([UInt8]((value.string ?? "").utf8))))
                }
                object["stringData"] = nil
            }
        case .mutatingWebhooks:
            object["webhooks"] = object["webhooks"]?.mapped(self.webhook)
        case .roleBindings, .clusterRoleBindings:
            object.setDefault("roleRef", "apiGroup", to: "rbac.authorization.k8s.io")
            object["subjects"] = object["subjects"]?.mapped { subject in
                subject["kind"]?.string == "ServiceAccount"
                    ? subject : subject.with("apiGroup", default: "rbac.authorization.k8s.io")
            }
        case .nodes: object.setDefault("spec", to: .object([:]))
        default: break
        }
        return object
    }

    private static func template(_ object: inout JSONValue) {
        object.set(
            "spec",
            "template",
            "spec",
            to: PodDefaults.apply(object.at("spec", "template", "spec") ?? .object([:]), isTemplate: true)
        )
        object.setDefault("spec", "template", "metadata", to: .object([:]))
        if object.at("spec", "template", "metadata", "creationTimestamp") == nil {
            object.set("spec", "template", "metadata", "creationTimestamp", to: .null)
        }
    }

    private static func deployment(_ object: inout JSONValue) {
        object.setDefault("spec", "replicas", to: 1)
        object.setDefault("spec", "revisionHistoryLimit", to: 10)
        object.setDefault("spec", "progressDeadlineSeconds", to: 600)
        object.setDefault("spec", "strategy", "type", to: "RollingUpdate")
        if object.at("spec", "strategy", "type")?.string == "RollingUpdate" {
            object.setDefault("spec", "strategy", "rollingUpdate", "maxUnavailable", to: "25%")
            object.setDefault("spec", "strategy", "rollingUpdate", "maxSurge", to: "25%")
        }
        self.template(&object)
    }

    private static func job(_ object: inout JSONValue) {
        object.setDefault("spec", "backoffLimit", to: 6)
        object.setDefault("spec", "completionMode", to: "NonIndexed")
        object.setDefault("spec", "suspend", to: false)
        object.setDefault("spec", "podReplacementPolicy", to: "TerminatingOrFailed")
        object.setDefault("spec", "manualSelector", to: false)
        if object.at("spec", "completions") == nil, object.at("spec", "parallelism") == nil {
            object.set("spec", "completions", to: 1)
        }
        object.setDefault("spec", "parallelism", to: 1)
        self.template(&object)
    }

    private static func service(_ object: inout JSONValue) {
        object.setDefault("spec", "type", to: "ClusterIP")
        object.setDefault("spec", "sessionAffinity", to: "None")
        if object.at("spec", "type")?.string == "ExternalName" { return }
        object.setDefault("spec", "internalTrafficPolicy", to: "Cluster")
        object.setDefault("spec", "ipFamilies", to: ["IPv4"])
        object.setDefault("spec", "ipFamilyPolicy", to: "SingleStack")
        if ["NodePort", "LoadBalancer"].contains(object.at("spec", "type")?.string ?? "") {
            object.setDefault("spec", "externalTrafficPolicy", to: "Cluster")
        }
        object.setDefault("status", "loadBalancer", to: .object([:]))
        object.set(
            "spec",
            "ports",
            to: object.at("spec", "ports")?.mapped { port in
                let port = port.with("protocol", default: "TCP")
                let target = port["targetPort"]
                let unset = target == nil || target == .null || target == 0 || target == ""
                guard unset, let number = port["port"] else { return port }
                var set = port
                set["targetPort"] = number
                return set
            }
        )
    }

    private static func webhook(_ webhook: JSONValue) -> JSONValue {
        var webhook =
            webhook
            .with("matchPolicy", default: "Equivalent").with("namespaceSelector", default: .object([:]))
            .with("objectSelector", default: .object([:])).with("timeoutSeconds", default: 10)
            .with("failurePolicy", default: "Fail").with("reinvocationPolicy", default: "Never")
        if webhook.at("clientConfig", "service") != nil {
            webhook.setDefault("clientConfig", "service", "port", to: 443)
        }
        webhook["rules"] = webhook["rules"]?.mapped { $0.with("scope", default: "*") }
        return webhook
    }
}

extension JSONValue {
    /// The array with every element changed; what is no array stays.
    func mapped(_ change: (JSONValue) -> JSONValue) -> JSONValue {
        guard case .array(let elements) = self else { return self }
        return .array(elements.map(change))
    }

    /// The object with a member added where there was none, or null.
    func with(_ key: String, default value: JSONValue) -> JSONValue {
        var result = self
        result.setDefault(key, to: value)
        return result
    }
}
