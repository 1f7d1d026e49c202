internal import Cluster

/// Makes the objects of an installation: those of `k8s/base`, changed as the values say.
///
/// With the default values they are `k8s/base` itself.
struct Renderer {
    private let values: JSONValue
    private let namespace: String
    /// Objects outside of the manager's namespace, whose names may meet those of another installation.
    private let suffix: String

    /// - Parameters:
    ///   - values: Complete and checked.
    ///   - namespace: The manager's.
    init(values: JSONValue, namespace: String) {
        self.values = values
        self.namespace = namespace
        suffix = namespace == Manifests.namespace ? "" : "-" + namespace
    }

    /// The objects in the order in which they are applied.
    ///
    /// `withNamespace` says whether the manager's namespace is one of them.
    func objects(withNamespace: Bool) throws(InstallationError) -> [ManifestObject] {
        var objects = try Manifests.base()
        if values.at("clientRbac", "create")?.bool == true { objects += try clientObjects() }
        if !managedNamespaces.isEmpty {
            objects.removeAll { $0.kind == "ClusterRoleBinding" && $0.name == Manifests.managerRole }
            objects += managedNamespaces.map { managerBinding(in: $0) }
        }
        objects = objects.filter { isWanted($0) && (withNamespace || $0.kind != "Namespace") }
        for index in objects.indices { change(&objects[index].json) }
        if !suffix.isEmpty { rename(&objects) }
        return ManifestObject.ordered(objects)
    }

    private var managedNamespaces: [String] { values["namespaces"]?.stringArray ?? [] }

    private func isWanted(_ object: ManifestObject) -> Bool {
        let isRight = [
            "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
        ].contains(object.kind)
        let isClients = object.name == Manifests.clientName
        if isRight, !isClients, values.at("managerRbac", "create")?.bool == false { return false }
        if !isRight, object.kind != "Namespace", values.at("rbac", "only")?.bool == true { return false }
        if values.at("agentInjector", "enabled")?.bool == false {
            return object.kind != "MutatingWebhookConfiguration" && object.name != "agent-injector"
        }
        return true
    }

    // MARK: - Changes

    private func change(_ object: inout JSONValue) {
        switch object["kind"]?.string {
        case "Deployment": changeDeployment(&object)
        case "Service" where object.at("metadata", "name")?.string == Manifests.managerName: changeService(&object)
        case "MutatingWebhookConfiguration": changeWebhook(&object)
        default: break
        }
    }

    private func changeDeployment(_ object: inout JSONValue) {
        let (image, agentImage) = (reference(values["image"] ?? .null), agentReference)
        let variables = environment(agentImage: agentImage)
        object.change("spec", "template") { template in
            add(values["podAnnotations"], to: "annotations", of: &template)
            add(values["podLabels"], to: "labels", of: &template)
            template.change("spec") { spec in
                setUnlessEmpty("nodeSelector", &spec)
                setUnlessEmpty("tolerations", &spec)
                setUnlessEmpty("affinity", &spec)
                setUnlessEmpty("priorityClassName", &spec)
                if let secrets = values.at("image", "pullSecrets")?.array, !secrets.isEmpty {
                    spec["imagePullSecrets"] = .array(secrets.map { ["name": $0] })
                }
                spec.changeEach("containers") { container in
                    guard container["name"]?.string == Manifests.managerName else { return }
                    container["image"] = .string(image)
                    container["imagePullPolicy"] = values.at("image", "pullPolicy")
                    container["resources"] = values["resources"]
                    for (name, value) in variables { Self.set(name, value, &container) }
                }
            }
        }
    }

    /// The manager's variables that differ from `k8s/base`, in the order in which they are added.
    private func environment(agentImage: String) -> [(String, String)] {
        var variables = [
            ("TELEPRESENCE_AGENT_IMAGE", agentImage),
            ("TELEPRESENCE_LOG_LEVEL", values["logLevel"]?.string ?? "info"),
        ]
        func add(_ name: String, _ value: String?, unless usual: String = "") {
            if let value, value != usual { variables.append((name, value)) }
        }
        add("TELEPRESENCE_AGENT_LOG_LEVEL", values.at("agent", "logLevel")?.string)
        add("TELEPRESENCE_AGENT_IMAGE_PULL_POLICY", values.at("agent", "image", "pullPolicy")?.string)
        add("TELEPRESENCE_AGENT_IDLE", values.at("agent", "maxIdleTime")?.string)
        add("TELEPRESENCE_AGENT_MOUNT_POLICIES", values.at("agent", "mountPolicies")?.text, unless: "{}")
        add(
            "TELEPRESENCE_ENVIRONMENT_EXCLUDED",
            values.at("intercept", "environment", "excluded")?.stringArray.joined(separator: ",")
        )
        add(
            "TELEPRESENCE_ALLOW_GLOBAL_INTERCEPTS",
            values.at("intercept", "allowGlobalIntercepts")?.bool.map { "\($0)" },
            unless: "true"
        )
        add("TELEPRESENCE_POD_CIDRS", values["podCIDRs"]?.stringArray.joined(separator: ","))
        add("TELEPRESENCE_POD_CIDR_STRATEGY", values["podCIDRStrategy"]?.string, unless: "auto")
        add(
            "TELEPRESENCE_PROMETHEUS_PORT",
            values.at("prometheus", "port")?.integer.map { String($0) },
            unless: "0"
        )
        add("TELEPRESENCE_DIRECT_ADDRESSES", values["directAddresses"]?.stringArray.joined(separator: ","))
        add(
            "TELEPRESENCE_AUTHENTICATION_MODE",
            values.at("security", "authentication", "mode")?.string,
            unless: "enforcing"
        )
        if values.at("agentInjector", "enabled")?.bool == false {
            variables.append(("TELEPRESENCE_WEBHOOK_NAME", "disabled"))
        } else if !suffix.isEmpty {
            variables.append(("TELEPRESENCE_WEBHOOK_NAME", Manifests.webhookName + suffix))
        }
        let more = values["env"]?.stringMap.sorted { $0.key < $1.key } ?? []
        return variables + more.map { ($0.key, $0.value) }
    }

    private func changeService(_ object: inout JSONValue) {
        if let annotations = values.at("service", "annotations"), annotations.object?.isEmpty == false {
            object.change("metadata", "annotations") { $0 = annotations }
        }
        let type = values.at("service", "type")?.string ?? "ClusterIP"
        guard type != "ClusterIP" else { return }
        object.change("spec") { spec in
            spec["type"] = .string(type)
            guard let port = values.at("service", "nodePort")?.int, port > 0 else { return }
            spec.changeEach("ports") { if $0["name"] == "api" { $0["nodePort"] = .integer(Int64(port)) } }
        }
    }

    private func changeWebhook(_ object: inout JSONValue) {
        object.changeEach("webhooks") { webhook in
            guard webhook["name"]?.string == Manifests.injector else { return }
            for name in ["failurePolicy", "timeoutSeconds", "reinvocationPolicy"] {
                webhook[name] = values.at("agentInjector", "webhook", name)
            }
            guard !managedNamespaces.isEmpty else { return }
            webhook["namespaceSelector"] = [
                "matchExpressions": [
                    [
                        "key": "kubernetes.io/metadata.name", "operator": "In",
                        "values": .array(managedNamespaces.map { .string($0) }),
                    ]
                ]
            ]
        }
    }

    // MARK: - Images

    private func reference(_ image: JSONValue) -> String {
        let registry = image["registry"]?.string ?? ""
        let tag = image["tag"]?.string ?? ""
        return (registry.isEmpty ? "" : registry + "/") + (image["name"]?.string ?? "")
            + (tag.hasPrefix("sha256:") ? "@" : ":") + tag
    }

    private var agentReference: String {
        var image = values["image"] ?? .null
        for (name, value) in values.at("agent", "image")?.object ?? [:] where value != "" { image[name] = value }
        return reference(image)
    }

    // MARK: - Rights

    private func managerBinding(in managed: String) -> ManifestObject {
        Self.binding(
            "RoleBinding",
            name: Manifests.managerName,
            namespace: managed,
            role: ("ClusterRole", Manifests.managerRole),
            subjects: [
                [
                    "kind": "ServiceAccount", "name": .string(Manifests.managerName),
                    "namespace": .string(Manifests.namespace),
                ]
            ]
        )
    }

    private func clientObjects() throws(InstallationError) -> [ManifestObject] {
        var objects = try Manifests.client()
        let subjects: [JSONValue] = (values.at("clientRbac", "subjects")?.array ?? []).map { subject in
            var subject = subject
            if subject["kind"] != "ServiceAccount" { subject["apiGroup"] = "rbac.authorization.k8s.io" }
            return subject
        }
        guard !subjects.isEmpty else { return objects }
        func bind(_ kind: String, _ namespace: String?, _ role: String) {
            objects.append(
                Self.binding(
                    kind,
                    name: Manifests.clientName,
                    namespace: namespace,
                    role: (role, Manifests.clientName),
                    subjects: subjects
                )
            )
        }
        let given = values.at("clientRbac", "namespaces")?.stringArray ?? []
        let namespaces = given.isEmpty ? managedNamespaces : given
        if namespaces.isEmpty { bind("ClusterRoleBinding", nil, "ClusterRole") }
        for namespace in namespaces { bind("RoleBinding", namespace, "ClusterRole") }
        bind("RoleBinding", Manifests.namespace, "Role")
        return objects
    }

    private static func binding(
        _ kind: String,
        name: String,
        namespace: String?,
        role: (kind: String, name: String),
        subjects: [JSONValue]
    ) -> ManifestObject {
        let group = "rbac.authorization.k8s.io"
        let resource = APIResource(
            group: group,
            version: "v1",
            plural: kind.lowercased() + "s",
            kind: kind,
            isNamespaced: namespace != nil
        )
        return ManifestObject(
            resource,
            name: name,
            namespace: namespace,
            [
                "roleRef": ["apiGroup": .string(group), "kind": .string(role.kind), "name": .string(role.name)],
                "subjects": .array(subjects),
            ]
        )
    }

    // MARK: - Another namespace

    /// Moves the objects to the namespace wanted, and gives those outside of it names of their own.
    private func rename(_ objects: inout [ManifestObject]) {
        var renamed: [String: Set<String>] = [:]
        for object in objects where object.namespace != Manifests.namespace && object.kind != "Namespace" {
            renamed[object.kind, default: []].insert(object.name)
        }
        for index in objects.indices {
            let object = objects[index]
            var json = object.json
            if renamed[object.kind]?.contains(object.name) == true, object.namespace != Manifests.namespace {
                json.change("metadata", "name") { $0 = .string(object.name + suffix) }
            }
            if let role = json["roleRef"], let kind = role["kind"]?.string, let name = role["name"]?.string,
                renamed[kind]?.contains(name) == true
            {
                json.change("roleRef", "name") { $0 = .string(name + suffix) }
            }
            json.changeEach("rules") { rule in
                guard rule["resources"]?.stringArray.contains("mutatingwebhookconfigurations") == true else { return }
                rule["resourceNames"] = [.string(Manifests.webhookName + suffix)]
            }
            objects[index].json = moved(json)
        }
    }

    /// The value with the namespace of `k8s/base` replaced wherever it stands.
    private func moved(_ value: JSONValue) -> JSONValue {
        switch value {
        case .string(Manifests.namespace): .string(namespace)
        case .array(let elements): .array(elements.map { moved($0) })
        case .object(let members): .object(members.mapValues { moved($0) })
        default: value
        }
    }

    // MARK: - Small ones

    private func setUnlessEmpty(_ name: String, _ spec: inout JSONValue) {
        switch values[name] {
        case .some(.string("")), .some(.array([])), .some(.object([:])), nil: break
        case .some(let value): spec[name] = value
        }
    }

    private func add(_ map: JSONValue?, to name: String, of template: inout JSONValue) {
        guard let map = map?.object, !map.isEmpty else { return }
        template.change("metadata", name) { labels in
            for (key, value) in map where labels[key] == nil { labels[key] = value }
        }
    }

    private static func set(_ name: String, _ value: String, _ container: inout JSONValue) {
        var variables = container["env"]?.array ?? []
        if let index = variables.firstIndex(where: { $0["name"]?.string == name }) {
            variables[index] = ["name": .string(name), "value": .string(value)]
        } else {
            variables.append(["name": .string(name), "value": .string(value)])
        }
        container["env"] = .array(variables)
    }
}
