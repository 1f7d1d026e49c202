import Cluster

/// Pods, what makes pods, and Services.
extension Validation {
    mutating func podSpec(_ spec: JSONValue, _ path: String, kind: ResourceKind) {
        let containers = spec["containers"]?.array ?? []
        if containers.isEmpty { self.required("\(path).containers") }
        var names: Set<String> = []
        let volumes = Set((spec["volumes"]?.array ?? []).compactMap { $0["name"]?.string })
        for list in ["initContainers", "containers"] {
            for (index, container) in (spec[list]?.array ?? []).enumerated() {
                let field = "\(path).\(list)[\(index)]"
                let name = container["name"]?.string ?? ""
                if name.isEmpty {
                    self.required("\(field).name")
                } else if !Names.isLabel(name) {
                    self.invalid(
                        "\(field).name",
                        .string(name),
                        "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character"
                    )
                } else if !names.insert(name).inserted {
                    self.duplicate("\(field).name", .string(name))
                }
                if container["image"]?.string?.isEmpty ?? true { self.required("\(field).image") }
                self.ports(container["ports"]?.array ?? [], "\(field).ports", key: "containerPort")
                for (number, variable) in (container["env"]?.array ?? []).enumerated() {
                    if variable["name"]?.string?.isEmpty ?? true { self.required("\(field).env[\(number)].name") }
                    if let value = variable["value"], value.string == nil, !value.isNull {
                        self.invalid("\(field).env[\(number)].value", value, "must be a string")
                    }
                }
                for (number, mount) in (container["volumeMounts"]?.array ?? []).enumerated() {
                    let mountField = "\(field).volumeMounts[\(number)]"
                    if mount["mountPath"]?.string?.isEmpty ?? true { self.required("\(mountField).mountPath") }
                    let volume = mount["name"]?.string ?? ""
                    if !volumes.contains(volume) {
                        self.append(
                            .init(
                                reason: "FieldValueNotFound",
                                message: "Not found: \"\(volume)\"",
                                field: "\(mountField).name"
                            )
                        )
                    }
                }
            }
        }
        for (index, volume) in (spec["volumes"]?.array ?? []).enumerated() {
            if volume["name"]?.string?.isEmpty ?? true { self.required("\(path).volumes[\(index)].name") }
        }
        if (spec["volumes"]?.array ?? []).count != volumes.count {
            let all = (spec["volumes"]?.array ?? []).compactMap { $0["name"]?.string }
            for (index, name) in all.enumerated() where all[..<index].contains(name) {
                self.duplicate("\(path).volumes[\(index)].name", .string(name))
            }
        }
        let policy = spec["restartPolicy"] ?? .null
        let policies: [String] =
            switch kind {
            case .jobs: ["OnFailure", "Never"]
            case .pods: ["Always", "OnFailure", "Never"]
            default: ["Always"]
            }
        if !policies.contains(policy.string ?? "") { self.unsupported("\(path).restartPolicy", policy, policies) }
    }

    private mutating func ports(_ ports: [JSONValue], _ path: String, key: String) {
        var names: Set<String> = []
        for (index, port) in ports.enumerated() {
            let field = "\(path)[\(index)]"
            if let number = port[key], !number.isNull {
                if !(1...65535).contains(number.int ?? 0) {
                    self.invalid("\(field).\(key)", number, "must be between 1 and 65535, inclusive")
                }
            } else {
                self.required("\(field).\(key)")
            }
            let transport = port["protocol"] ?? "TCP"
            if !["SCTP", "TCP", "UDP"].contains(transport.string ?? "") {
                self.unsupported("\(field).protocol", transport, ["SCTP", "TCP", "UDP"])
            }
            guard let name = port["name"]?.string, !name.isEmpty else { continue }
            if key == "containerPort" ? !Names.isPortName(name) : !Names.isLabel(name) {
                self.invalid(
                    "\(field).name",
                    .string(name),
                    "must contain only alphanumeric characters (a-z, 0-9), and hyphens (-), and be no more than 15 characters"
                )
            }
            if !names.insert(name).inserted { self.duplicate("\(field).name", .string(name)) }
        }
    }

    /// What may change in a pod that exists.
    mutating func podChange(_ old: JSONValue, _ new: JSONValue) {
        func frozen(_ pod: JSONValue) -> JSONValue {
            var spec = pod["spec"] ?? .null
            for field in ["activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "nodeName"] {
                spec[field] = nil
            }
            for list in ["containers", "initContainers"] {
                spec[list] = spec[list]?.mapped { container in
                    var container = container
                    container["image"] = nil
                    container["imagePullPolicy"] = nil
                    return container
                }
            }
            return spec
        }
        if frozen(old) != frozen(new) {
            self.forbidden(
                "spec",
                "pod updates may not change fields other than `spec.containers[*].image`,"
                    + "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions "
                    + "to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it "
                    + "was previously negative)"
            )
        }
        let node = old.at("spec", "nodeName")?.string ?? ""
        if !node.isEmpty, node != new.at("spec", "nodeName")?.string {
            self.forbidden("spec.nodeName", "pod updates may not change the node")
        }
    }

    mutating func workload(_ kind: ResourceKind, _ object: JSONValue, old: JSONValue?) {
        let spec = object["spec"] ?? .null
        if let replicas = spec["replicas"]?.integer, replicas < 0 {
            self.invalid("spec.replicas", .integer(replicas), "must be greater than or equal to 0")
        }
        let labels = spec.at("template", "metadata", "labels")?.stringMap ?? [:]
        self.labels(spec.at("template", "metadata", "labels"), "spec.template.labels")
        if kind != .jobs {
            let selector = spec["selector"]
            if selector?.object?.isEmpty ?? true {
                self.required("spec.selector")
            } else if !LabelSelector(selector).matches(labels) {
                self.invalid(
                    "spec.template.metadata.labels",
                    JSONValue(stringMap: labels),
                    "`selector` does not match template `labels`"
                )
            }
            if let old, old.at("spec", "selector") != selector {
                self.invalid("spec.selector", selector ?? .null, "field is immutable")
            }
        } else if let old, old.at("spec", "template") != spec["template"] {
            self.invalid("spec.template", "<template>", "field is immutable")
        }
        self.podSpec(spec.at("template", "spec") ?? .null, "spec.template.spec", kind: kind)
    }

    mutating func service(_ object: JSONValue, old: JSONValue?) {
        let spec = object["spec"] ?? .null
        let type = spec["type"] ?? .null
        let types = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]
        if !types.contains(type.string ?? "") { self.unsupported("spec.type", type, types) }
        if type == "ExternalName" {
            if spec["externalName"]?.string?.isEmpty ?? true { self.required("spec.externalName") }
            return
        }
        let ports = spec["ports"]?.array ?? []
        let address = spec["clusterIP"]?.string ?? ""
        if ports.isEmpty, address != "None" { self.required("spec.ports") }
        self.ports(ports, "spec.ports", key: "port")
        var seen: Set<String> = []
        for (index, port) in ports.enumerated() {
            if ports.count > 1, port["name"]?.string?.isEmpty ?? true { self.required("spec.ports[\(index)].name") }
            let key = "\(port["port"]?.int ?? 0)/\(port["protocol"]?.string ?? "TCP")"
            if !seen.insert(key).inserted {
                self.duplicate("spec.ports[\(index)]", .object(["port": port["port"] ?? 0]))
            }
            if let target = port["targetPort"] {
                let legal = target.int.map { (1...65535).contains($0) } ?? target.string.map(Names.isPortName) ?? false
                if !legal { self.invalid("spec.ports[\(index)].targetPort", target, "must be a port number or name") }
            }
        }
        self.labels(spec["selector"], "spec.selector")
        if let old {
            let before = old.at("spec", "clusterIP")?.string ?? ""
            if !before.isEmpty, before != address, old.at("spec", "type")?.string != "ExternalName" {
                self.invalid("spec.clusterIPs[0]", .array([.string(address)]), "may not change once set")
            }
        }
    }
}
