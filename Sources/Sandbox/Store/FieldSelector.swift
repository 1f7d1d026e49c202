package import Cluster

/// Which values fields of an object must have: the `fieldSelector` query.
package struct FieldSelector: Sendable, Equatable {
    /// One condition on one field.
    package struct Requirement: Sendable, Equatable {
        let path: [String]
        let value: String
        let equal: Bool
    }

    /// All must hold.
    package let requirements: [Requirement]

    /// Selects every object.
    package static let everything = FieldSelector(requirements: [])

    private init(requirements: [Requirement]) { self.requirements = requirements }

    /// Selects the one object of that name.
    package init(name: String) {
        self.init(requirements: [Requirement(path: ["metadata", "name"], value: name, equal: true)])
    }

    /// Selects objects with a value at a dotted path.
    package init(_ path: String, is value: String) {
        self.init(
            requirements: [Requirement(path: path.split(separator: ".").map(String.init), value: value, equal: true)]
        )
    }

    /// Reads `metadata.name=x,status.phase!=y`; 400 for fields that the kind can't be selected by.
    package init(query: String, kind: ResourceKind) throws(StatusError) {
        var requirements: [Requirement] = []
        for part in query.split(separator: ",") {
            guard let equals = part.firstIndex(of: "=") else {
                throw .badRequest("invalid selector: '\(query)'; can't understand '\(part)'")
            }
            var key = part[..<equals]
            var value = part[part.index(after: equals)...]
            if value.first == "=" { value = value.dropFirst() }
            let negated = key.last == "!"
            if negated { key = key.dropLast() }
            let name = String(key.trimmed)
            guard Self.selectable(name, kind) else {
                throw .badRequest(
                    "Unable to find \"\(kind.apiVersion), Resource=\(kind.plural)\" that match label selector \"\", "
                        + "field selector \"\(query)\": field label not supported: \(name)"
                )
            }
            requirements.append(
                Requirement(
                    path: name.split(separator: ".").map(String.init),
                    value: String(value.trimmed),
                    equal: !negated
                )
            )
        }
        self.init(requirements: requirements)
    }

    /// Whether an object's fields meet all requirements; an absent field counts as empty.
    package func matches(_ object: JSONValue) -> Bool {
        self.requirements.allSatisfy { requirement in
            let value: String =
                switch object.value(at: requirement.path[...]) {
                case .string(let text): text
                case .integer(let number): "\(number)"
                case .bool(let flag): "\(flag)"
                default: ""
                }
            return (value == requirement.value) == requirement.equal
        }
    }

    private static func selectable(_ field: String, _ kind: ResourceKind) -> Bool {
        if field == "metadata.name" || (field == "metadata.namespace" && kind.namespaced) { return true }
        return self.fields[kind]?.contains(field) ?? false
    }

    private static let fields: [ResourceKind: Set<String>] = [
        .pods: [
            "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
            "status.phase", "status.podIP", "status.nominatedNodeName",
        ],
        .events: [
            "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
            "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath", "reason",
            "reportingComponent", "source", "type",
        ],
        .nodes: ["spec.unschedulable"],
        .namespaces: ["status.phase"],
        .secrets: ["type"],
        .services: ["spec.clusterIP", "spec.type"],
        .replicaSets: ["status.replicas"],
        .jobs: ["status.successful"],
    ]
}
