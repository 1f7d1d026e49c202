import Cluster

/// As much of the OpenAPI documents as kubectl looks at: that writes take `fieldValidation`.
enum OpenAPI {
    /// `/openapi/v3`: where each group's document is.
    static var index: JSONValue {
        var paths: [String: JSONValue] = [:]
        for kind in ResourceKind.all {
            let path = kind.group.isEmpty ? "api/\(kind.version)" : "apis/\(kind.group)/\(kind.version)"
            paths[path] = ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=SANDBOX")]
        }
        return ["paths": .object(paths)]
    }

    /// `/openapi/v3/api/v1` and `/openapi/v3/apis/GROUP/VERSION`; nil where nothing is served.
    static func document(group: String, version: String) -> JSONValue? {
        let kinds = ResourceKind.all.filter { $0.group == group && $0.version == version }
        guard !kinds.isEmpty else { return nil }
        var paths: [String: JSONValue] = [:]
        var schemas: [String: JSONValue] = [:]
        for kind in kinds where kind.stored {
            let gvk: JSONValue = [
                "group": .string(kind.group), "version": .string(kind.version), "kind": .string(kind.kind),
            ]
            let parameters: JSONValue = .array(
                ["dryRun", "fieldManager", "fieldValidation"].map {
                    ["name": .string($0), "in": "query", "schema": ["type": "string", "uniqueItems": true]]
                }
            )
            func operation(_ action: String) -> JSONValue {
                [
                    "parameters": parameters, "x-kubernetes-action": .string(action),
                    "x-kubernetes-group-version-kind": gvk,
                    "responses": ["200": ["description": "OK"]],
                ]
            }
            let collection = kind.path(namespace: kind.namespaced ? "{namespace}" : nil)
            paths[collection] = ["post": operation("post")]
            paths["\(collection)/{name}"] = ["put": operation("put"), "patch": operation("patch")]
            schemas["sandbox.\(kind.version).\(kind.kind)"] = [
                "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                "x-kubernetes-group-version-kind": [gvk],
            ]
        }
        return [
            "openapi": "3.0.0", "info": ["title": "Kubernetes", "version": "v1.32.0"], "paths": .object(paths),
            "components": ["schemas": .object(schemas)],
        ]
    }
}
