import Cluster

/// What the server serves, in the forms in which clients ask for it.
enum Discovery {
    /// What kinds can be done with.
    private static let verbs = [
        "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
    ]

    /// `/version`.
    static let version: JSONValue = [
        "major": "1", "minor": "32", "gitVersion": "v1.32.0+sandbox",
        "gitCommit": "0000000000000000000000000000000000000000",
        "gitTreeState": "clean", "buildDate": "2026-01-01T00:00:00Z", "goVersion": "none", "compiler": "swift",
        "platform": "linux/amd64",
    ]

    /// `/api`, or with aggregation all of the core group.
    static func core(_ accepted: Accepted) -> JSONValue {
        if accepted.form == .discovery { return self.aggregated([""]) }
        return [
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": ""]],
        ]
    }

    /// `/apis`, or with aggregation all groups but the core one.
    static func groups(_ accepted: Accepted) -> JSONValue {
        let groups = ResourceKind.groups.filter { !$0.isEmpty }
        if accepted.form == .discovery { return self.aggregated(groups) }
        return ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups.map { self.summary($0) })]
    }

    /// `/apis/GROUP`; nil for groups that are not served.
    static func group(_ group: String) -> JSONValue? {
        guard ResourceKind.groups.contains(group), !group.isEmpty else { return nil }
        var summary = self.summary(group)
        summary["kind"] = "APIGroup"
        summary["apiVersion"] = "v1"
        return summary
    }

    /// `/api/v1` and `/apis/GROUP/VERSION`; nil where nothing is served.
    static func resources(group: String, version: String) -> JSONValue? {
        let kinds = ResourceKind.all.filter { $0.group == group && $0.version == version }
        guard !kinds.isEmpty else { return nil }
        var resources: [JSONValue] = []
        for kind in kinds {
            var entry: JSONValue = [
                "name": .string(kind.plural), "singularName": .string(kind.singular),
                "namespaced": .bool(kind.namespaced), "kind": .string(kind.kind),
                "verbs": .array((kind.stored ? self.verbs : ["create"]).map { .string($0) }),
            ]
            if !kind.shortNames.isEmpty { entry["shortNames"] = .array(kind.shortNames.map { .string($0) }) }
            if !kind.categories.isEmpty { entry["categories"] = .array(kind.categories.map { .string($0) }) }
            if kind.stored { entry["storageVersionHash"] = "c2FuZGJveA==" }
            resources.append(entry)
            for subresource in kind.subresources {
                var entry: JSONValue = [
                    "name": .string("\(kind.plural)/\(subresource.rawValue)"), "singularName": "",
                    "namespaced": .bool(kind.namespaced), "kind": .string(subresource.kind?.kind ?? kind.kind),
                    "verbs": .array(subresource.verbs.map { .string($0) }),
                ]
                if let other = subresource.kind {
                    entry["group"] = .string(other.group)
                    entry["version"] = .string(other.version)
                }
                resources.append(entry)
            }
        }
        return [
            "kind": "APIResourceList", "apiVersion": "v1",
            "groupVersion": .string(group.isEmpty ? version : "\(group)/\(version)"), "resources": .array(resources),
        ]
    }

    private static func summary(_ group: String) -> JSONValue {
        let versions = Set(ResourceKind.all.filter { $0.group == group }.map(\.version)).sorted()
        let entries = versions.map { version -> JSONValue in
            ["groupVersion": .string("\(group)/\(version)"), "version": .string(version)]
        }
        return ["name": .string(group), "versions": .array(entries), "preferredVersion": entries.first ?? .null]
    }

    private static func aggregated(_ groups: [String]) -> JSONValue {
        let items = groups.map { group -> JSONValue in
            let kinds = ResourceKind.all.filter { $0.group == group }
            let versions = Set(kinds.map(\.version)).sorted().map { version -> JSONValue in
                [
                    "version": .string(version), "freshness": "Current",
                    "resources": .array(kinds.filter { $0.version == version }.map(self.aggregatedResource)),
                ]
            }
            let metadata: JSONValue =
                group.isEmpty
                ? ["creationTimestamp": .null] : ["name": .string(group), "creationTimestamp": .null]
            return ["metadata": metadata, "versions": .array(versions)]
        }
        return [
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": .object([:]),
            "items": .array(items),
        ]
    }

    private static func aggregatedResource(_ kind: ResourceKind) -> JSONValue {
        var entry: JSONValue = [
            "resource": .string(kind.plural), "singularResource": .string(kind.singular),
            "scope": .string(kind.namespaced ? "Namespaced" : "Cluster"),
            "responseKind": [
                "group": .string(kind.group), "version": .string(kind.version), "kind": .string(kind.kind),
            ],
            "verbs": .array((kind.stored ? self.verbs : ["create"]).map { .string($0) }),
        ]
        if !kind.shortNames.isEmpty { entry["shortNames"] = .array(kind.shortNames.map { .string($0) }) }
        if !kind.categories.isEmpty { entry["categories"] = .array(kind.categories.map { .string($0) }) }
        if !kind.subresources.isEmpty {
            entry["subresources"] = .array(
                kind.subresources.map { subresource in
                    let other = subresource.kind ?? (kind.group, kind.version, kind.kind)
                    return [
                        "subresource": .string(subresource.rawValue),
                        "responseKind": [
                            "group": .string(other.group), "version": .string(other.version),
                            "kind": .string(other.kind),
                        ],
                        "verbs": .array(subresource.verbs.map { .string($0) }),
                    ]
                }
            )
        }
        return entry
    }
}
