import Cluster

/// Collects what is wrong with an object, field by field, in Kubernetes' words.
struct Validation {
    /// What was found.
    private(set) var causes: [StatusError.Cause] = []

    /// Checks an object after its defaults; `old` is what it replaces.
    static func check(_ kind: ResourceKind, _ object: JSONValue, old: JSONValue? = nil) throws(StatusError) {
        var validation = Validation()
        validation.metadata(kind, object)
        switch kind {
        case .pods:
            validation.podSpec(object["spec"] ?? .null, "spec", kind: kind)
            if let old { validation.podChange(old, object) }
        case .deployments, .replicaSets, .statefulSets, .daemonSets, .jobs:
            validation.workload(kind, object, old: old)
        case .services: validation.service(object, old: old)
        case .configMaps, .secrets: validation.data(kind, object, old: old)
        case .mutatingWebhooks: validation.webhooks(object)
        case .roleBindings, .clusterRoleBindings: validation.binding(object, old: old)
        case .disruptionBudgets: validation.budget(object)
        default: break
        }
        guard validation.causes.isEmpty else { throw .invalid(kind, object.name, validation.causes) }
    }

    mutating func append(_ cause: StatusError.Cause) { self.causes.append(cause) }

    mutating func required(_ field: String, _ detail: String = "") {
        self.causes.append(
            .init(
                reason: "FieldValueRequired",
                message: detail.isEmpty ? "Required value" : "Required value: \(detail)",
                field: field
            )
        )
    }

    mutating func invalid(_ field: String, _ value: JSONValue, _ detail: String) {
        self.causes.append(
            .init(reason: "FieldValueInvalid", message: "Invalid value: \(value.text): \(detail)", field: field)
        )
    }

    mutating func unsupported(_ field: String, _ value: JSONValue, _ choices: [String]) {
        let list = choices.map { "\"\($0)\"" }.joined(separator: ", ")
        self.causes.append(
            .init(
                reason: "FieldValueNotSupported",
                message: "Unsupported value: \(value.text): supported values: \(list)",
                field: field
            )
        )
    }

    mutating func duplicate(_ field: String, _ value: JSONValue) {
        self.causes.append(
            .init(reason: "FieldValueDuplicate", message: "Duplicate value: \(value.text)", field: field)
        )
    }

    mutating func forbidden(_ field: String, _ detail: String) {
        self.causes.append(.init(reason: "FieldValueForbidden", message: "Forbidden: \(detail)", field: field))
    }

    // MARK: All kinds

    private mutating func metadata(_ kind: ResourceKind, _ object: JSONValue) {
        let name = object.name
        if name.isEmpty {
            if object.at("metadata", "generateName")?.string?.isEmpty ?? true {
                self.required("metadata.name", "name or generateName is required")
            }
        } else {
            let subdomain =
                "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and "
                + "must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
                + "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
            switch kind {
            case .services where !Names.isLetterLabel(name):
                self.invalid(
                    "metadata.name",
                    .string(name),
                    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
                        + "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
                        + "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
                )
            case .namespaces where !Names.isLabel(name):
                self.invalid(
                    "metadata.name",
                    .string(name),
                    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must "
                        + "start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
                        + "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
                )
            case .roles, .clusterRoles, .roleBindings, .clusterRoleBindings:
                if !Names.isSegment(name) { self.invalid("metadata.name", .string(name), "may not contain '/'") }
            case .services, .namespaces, .events: break
            default:
                if !Names.isSubdomain(name) { self.invalid("metadata.name", .string(name), subdomain) }
            }
        }
        self.labels(object.at("metadata", "labels"), "metadata.labels")
        for (key, value) in object.at("metadata", "annotations")?.object ?? [:] {
            if !Names.isQualified(key.lowercased()) {
                self.invalid(
                    "metadata.annotations",
                    .string(key),
                    "name part must consist of alphanumeric characters, '-', '_' or '.'"
                )
            }
            if value.string == nil { self.invalid("metadata.annotations", value, "must be a string") }
        }
    }

    mutating func labels(_ value: JSONValue?, _ field: String) {
        for (key, value) in value?.object ?? [:] {
            if !Names.isQualified(key) {
                self.invalid(
                    field,
                    .string(key),
                    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with "
                        + "an alphanumeric character"
                )
            }
            if !(value.string.map(Names.isLabelValue) ?? false) {
                self.invalid(
                    field,
                    value,
                    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', "
                        + "and must start and end with an alphanumeric character"
                )
            }
        }
    }

    // MARK: Small kinds

    private mutating func data(_ kind: ResourceKind, _ object: JSONValue, old: JSONValue?) {
        for field in ["data", "binaryData"] {
            for (key, value) in object[field]?.object ?? [:] {
                if !Names.isDataKey(key) {
                    self.invalid(
                        "\(field)[\(key)]",
                        .string(key),
                        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
                    )
                }
                guard let text = value.string else {
                    self.invalid("\(field)[\(key)]", value, "must be a string")
                    continue
                }
                if kind == .secrets || field == "binaryData", Base64.decode(text) == nil {
                    self.invalid("\(field)[\(key)]", "<omitted>", "illegal base64 data")
                }
            }
        }
        if let old, old["immutable"]?.bool == true, old["data"] != object["data"] {
            self.forbidden("data", "field is immutable when `immutable` is set")
        }
        if kind == .secrets, let old, old["type"] != object["type"] {
            self.invalid("type", object["type"] ?? .null, "field is immutable")
        }
    }

    private mutating func webhooks(_ object: JSONValue) {
        for (index, webhook) in (object["webhooks"]?.array ?? []).enumerated() {
            let path = "webhooks[\(index)]"
            let name = webhook["name"]?.string ?? ""
            if name.isEmpty { self.required("\(path).name") }
            if !name.isEmpty, name.split(separator: ".").count < 3 {
                self.invalid(
                    "\(path).name",
                    .string(name),
                    "should be a domain with at least three segments separated by dots"
                )
            }
            if !["None", "NoneOnDryRun"].contains(webhook["sideEffects"]?.string ?? "") {
                let value = webhook["sideEffects"] ?? .null
                if value.isNull {
                    self.required("\(path).sideEffects", "must specify one of None, NoneOnDryRun")
                } else {
                    self.unsupported("\(path).sideEffects", value, ["None", "NoneOnDryRun"])
                }
            }
            if !(webhook["admissionReviewVersions"]?.stringArray.contains("v1") ?? false) {
                self.required("\(path).admissionReviewVersions", "must specify at least one of v1, v1beta1")
            }
            let timeout = webhook["timeoutSeconds"]?.int ?? 10
            if !(1...30).contains(timeout) {
                self.invalid(
                    "\(path).timeoutSeconds",
                    .integer(Int64(timeout)),
                    "the timeout value must be between 1 and 30 seconds"
                )
            }
            let hasURL = webhook.at("clientConfig", "url")?.string != nil
            let hasService = webhook.at("clientConfig", "service")?.object != nil
            if hasURL == hasService {
                self.required("\(path).clientConfig", "exactly one of url or service is required")
            }
        }
    }

    private mutating func binding(_ object: JSONValue, old: JSONValue?) {
        if object.at("roleRef", "name")?.string?.isEmpty ?? true { self.required("roleRef.name") }
        let roleKind = object.at("roleRef", "kind") ?? .null
        if !["Role", "ClusterRole"].contains(roleKind.string ?? "") {
            self.unsupported("roleRef.kind", roleKind, ["Role", "ClusterRole"])
        }
        for (index, subject) in (object["subjects"]?.array ?? []).enumerated() {
            if subject["name"]?.string?.isEmpty ?? true { self.required("subjects[\(index)].name") }
            let kind = subject["kind"] ?? .null
            if !["ServiceAccount", "User", "Group"].contains(kind.string ?? "") {
                self.unsupported("subjects[\(index)].kind", kind, ["ServiceAccount", "User", "Group"])
            }
        }
        if let old, old["roleRef"] != object["roleRef"] {
            self.invalid("roleRef", object["roleRef"] ?? .null, "cannot change roleRef")
        }
    }

    private mutating func budget(_ object: JSONValue) {
        let spec = object["spec"] ?? .null
        if spec["minAvailable"] != nil, spec["maxUnavailable"] != nil {
            self.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
        }
    }
}
