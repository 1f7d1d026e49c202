import Cluster

/// Objects as kubectl's tables.
enum ResourceTable {
    /// A table of objects; `include` is the request's `includeObject`.
    static func make(
        _ kind: ResourceKind,
        _ objects: [JSONValue],
        metadata: JSONValue,
        include: String?
    ) -> JSONValue {
        let columns = self.columns[kind] ?? [.name, .age]
        return [
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
            "columnDefinitions": .array(columns.map(\.definition)),
            "rows": .array(
                objects.map { object in
                    var row: JSONValue = ["cells": .array(columns.map { $0.cell(object) })]
                    switch include {
                    case "None": break
                    case "Object": row["object"] = object
                    default: row["object"] = self.partial(object)
                    }
                    return row
                }
            ),
        ]
    }

    /// Only what says which object it is.
    static func partial(_ object: JSONValue) -> JSONValue {
        [
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": object["metadata"] ?? .object([:]),
        ]
    }

    private static func join(_ values: [String], none: String = "<none>") -> String {
        values.isEmpty ? none : values.joined(separator: ",")
    }

    private static func labels(_ value: JSONValue?) -> String {
        self.join((value?.stringMap ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })
    }

    private static func text(_ path: String..., none: String = "<none>") -> @Sendable (JSONValue) -> String {
        { object in
            let text = object.value(at: path[...])?.string ?? ""
            return text.isEmpty ? none : text
        }
    }

    private static func number(_ path: String...) -> @Sendable (JSONValue) -> Int? {
        { $0.value(at: path[...])?.int }
    }

    private static let containers: [TableColumn] = [
        .text("Containers", wide: true) { object in
            join((object.at("spec", "template", "spec", "containers")?.array ?? []).compactMap { $0["name"]?.string })
        },
        .text("Images", wide: true) { object in
            join((object.at("spec", "template", "spec", "containers")?.array ?? []).compactMap { $0["image"]?.string })
        },
        .text("Selector", wide: true) { labels($0.at("spec", "selector", "matchLabels")) },
    ]

    private static let columns: [ResourceKind: [TableColumn]] = [
        .pods: [
            .name,
            .text("Ready") { pod in
                let statuses = pod.at("status", "containerStatuses")?.array ?? []
                let sidecars = (pod.at("spec", "initContainers")?.array ?? []).filter {
                    $0["restartPolicy"] == "Always"
                }
                let names = Set(sidecars.compactMap { $0["name"]?.string })
                let initial = (pod.at("status", "initContainerStatuses")?.array ?? []).filter {
                    names.contains($0["name"]?.string ?? "")
                }
                let total = (pod.at("spec", "containers")?.array?.count ?? 0) + sidecars.count
                return "\((statuses + initial).filter { $0["ready"]?.bool == true }.count)/\(total)"
            },
            .text("Status", PodState.summary),
            .text("Restarts") { pod in
                "\((pod.at("status", "containerStatuses")?.array ?? []).reduce(0) { $0 &+ ($1["restartCount"]?.int ?? 0) })"
            },
            .age,
            .text("IP", wide: true, text("status", "podIP")),
            .text("Node", wide: true, text("spec", "nodeName")),
            .text("Nominated Node", wide: true, text("status", "nominatedNodeName")),
            .text("Readiness Gates", wide: true) { _ in "<none>" },
        ],
        .deployments: [
            .name,
            .text("Ready") {
                "\($0.at("status", "readyReplicas")?.int ?? 0)/\($0.at("spec", "replicas")?.int ?? 0)"
            },
            .number("Up-to-date", number("status", "updatedReplicas")),
            .number("Available", number("status", "availableReplicas")), .age,
        ] + containers,
        .replicaSets: [
            .name, .number("Desired", number("spec", "replicas")), .number("Current", number("status", "replicas")),
            .number("Ready", number("status", "readyReplicas")), .age,
        ] + containers,
        .statefulSets: [
            .name,
            .text("Ready") {
                "\($0.at("status", "readyReplicas")?.int ?? 0)/\($0.at("spec", "replicas")?.int ?? 0)"
            },
            .age,
        ] + containers.dropLast(),
        .daemonSets: [
            .name, .number("Desired", number("status", "desiredNumberScheduled")),
            .number("Current", number("status", "currentNumberScheduled")),
            .number("Ready", number("status", "numberReady")),
            .number("Up-to-date", number("status", "updatedNumberScheduled")),
            .number("Available", number("status", "numberAvailable")),
            .text("Node Selector") { labels($0.at("spec", "template", "spec", "nodeSelector")) }, .age,
        ] + containers,
        .jobs: [
            .name,
            .text("Status") { job in
                let states = (job.at("status", "conditions")?.array ?? []).filter { $0["status"] == "True" }
                return states.compactMap { $0["type"]?.string }.last ?? "Running"
            },
            .text("Completions") {
                "\($0.at("status", "succeeded")?.int ?? 0)/\($0.at("spec", "completions")?.int ?? 1)"
            },
            .text("Duration") { job in
                guard let start = job.at("status", "startTime")?.string else { return "" }
                let end = job.at("status", "completionTime")?.string.flatMap(Timestamp.parse)
                return Age.since(start, now: end ?? Timestamp.seconds())
            },
            .age,
        ] + containers,
        .services: [
            .name, .text("Type", text("spec", "type")), .text("Cluster-IP", text("spec", "clusterIP")),
            .text("External-IP") { service in
                if let name = service.at("spec", "externalName")?.string { return name }
                let addresses = (service.at("status", "loadBalancer", "ingress")?.array ?? []).compactMap {
                    $0["ip"]?.string ?? $0["hostname"]?.string
                }
                let type = service.at("spec", "type")?.string
                return join(addresses, none: type == "LoadBalancer" ? "<pending>" : "<none>")
            },
            .text("Port(s)") { service in
                join(
                    (service.at("spec", "ports")?.array ?? []).map { port in
                        let node = port["nodePort"]?.int.map { ":\($0)" } ?? ""
                        return "\(port["port"]?.int ?? 0)\(node)/\(port["protocol"]?.string ?? "TCP")"
                    }
                )
            },
            .age, .text("Selector", wide: true) { labels($0.at("spec", "selector")) },
        ],
        .endpoints: [
            .name,
            .text("Endpoints") { object in
                let all = (object["subsets"]?.array ?? []).flatMap { subset -> [String] in
                    let ports = subset["ports"]?.array ?? []
                    return (subset["addresses"]?.array ?? []).compactMap { $0["ip"]?.string }.flatMap { address in
                        ports.isEmpty ? [address] : ports.map { "\(address):\($0["port"]?.int ?? 0)" }
                    }
                }
                return all.count > 3 ? join(Array(all.prefix(3))) + " + \(all.count - 3) more..." : join(all)
            },
            .age,
        ],
        .endpointSlices: [
            .name, .text("AddressType", text("addressType")),
            .text("Ports") { slice in
                join((slice["ports"]?.array ?? []).compactMap { $0["port"]?.int.map(String.init) }, none: "<unset>")
            },
            .text("Endpoints") { slice in
                join((slice["endpoints"]?.array ?? []).flatMap { $0["addresses"]?.stringArray ?? [] }, none: "<unset>")
            },
            .age,
        ],
        .nodes: [
            .name,
            .text("Status") { node in
                let ready = (node.at("status", "conditions")?.array ?? []).contains {
                    $0["type"] == "Ready" && $0["status"] == "True"
                }
                let cordoned = node.at("spec", "unschedulable")?.bool == true
                return (ready ? "Ready" : "NotReady") + (cordoned ? ",SchedulingDisabled" : "")
            },
            .text("Roles") { node in
                join(node.labels.keys.compactMap { $0.suffix(after: "node-role.kubernetes.io/") }.sorted())
            },
            .age, .text("Version", text("status", "nodeInfo", "kubeletVersion", none: "")),
            .text("Internal-IP", wide: true) { node in
                (node.at("status", "addresses")?.array ?? []).first { $0["type"] == "InternalIP" }?["address"]?.string
                    ?? "<none>"
            },
            .text("External-IP", wide: true) { node in
                let external = (node.at("status", "addresses")?.array ?? []).first { $0["type"] == "ExternalIP" }
                return external?["address"]?.string ?? "<none>"
            },
            .text("OS-Image", wide: true, text("status", "nodeInfo", "osImage", none: "<unknown>")),
            .text("Kernel-Version", wide: true, text("status", "nodeInfo", "kernelVersion", none: "<unknown>")),
            .text(
                "Container-Runtime",
                wide: true,
                text("status", "nodeInfo", "containerRuntimeVersion", none: "<unknown>")
            ),
        ],
        .namespaces: [.name, .text("Status", text("status", "phase")), .age],
        .configMaps: [
            .name,
            .number("Data") { ($0["data"]?.object?.count ?? 0) + ($0["binaryData"]?.object?.count ?? 0) }, .age,
        ],
        .secrets: [.name, .text("Type", text("type")), .number("Data") { $0["data"]?.object?.count ?? 0 }, .age],
        .serviceAccounts: [.name, .number("Secrets") { $0["secrets"]?.array?.count ?? 0 }, .age],
        .events: [
            .text("Last Seen") { event in
                Age.since(
                    event["lastTimestamp"]?.string ?? event.at("series", "lastObservedTime")?.string
                        ?? event["eventTime"]?.string ?? event.at("metadata", "creationTimestamp")?.string
                )
            },
            .text("Type", text("type", none: "")), .text("Reason", text("reason", none: "")),
            .text("Object") { event in
                let kind = event.at("involvedObject", "kind")?.string?.lowercased() ?? ""
                return "\(kind)/\(event.at("involvedObject", "name")?.string ?? "")"
            },
            .text("Subobject", wide: true, text("involvedObject", "fieldPath", none: "")),
            .text("Source", wide: true, text("source", "component", none: "")),
            .text("Message", text("message", none: "")),
            .text("First Seen", wide: true) { Age.since($0["firstTimestamp"]?.string) },
            .number("Count", wide: true) { $0["count"]?.int ?? 1 },
            TableColumn(name: "Name", type: "string", priority: 1) { .string($0.name) },
        ],
        .ingresses: [
            .name, .text("Class", text("spec", "ingressClassName")),
            .text("Hosts") { ingress in
                join((ingress.at("spec", "rules")?.array ?? []).compactMap { $0["host"]?.string }, none: "*")
            },
            .text("Address") { _ in "" },
            .text("Ports") { $0.at("spec", "tls") == nil ? "80" : "80, 443" }, .age,
        ],
        .serviceCIDRs: [
            .name, .text("CIDRs") { join($0.at("spec", "cidrs")?.stringArray ?? []) }, .age,
        ],
        .disruptionBudgets: [
            .name, .text("Min Available") { amount($0.at("spec", "minAvailable")) },
            .text("Max Unavailable") { amount($0.at("spec", "maxUnavailable")) },
            .number("Allowed Disruptions", number("status", "disruptionsAllowed")), .age,
        ],
        .roleBindings: bindings, .clusterRoleBindings: bindings,
        .roles: [.name, created], .clusterRoles: [.name, created],
        .mutatingWebhooks: [.name, .number("Webhooks") { $0["webhooks"]?.array?.count ?? 0 }, .age],
        .leases: [.name, .text("Holder", text("spec", "holderIdentity", none: "")), .age],
        .persistentVolumeClaims: [
            .name, .text("Status", text("status", "phase", none: "Pending")),
            .text("Volume", text("spec", "volumeName", none: "")), .text("Capacity") { _ in "" },
            .text("Access Modes") { _ in "" }, .text("StorageClass", text("spec", "storageClassName", none: "")), .age,
        ],
    ]

    private static let bindings: [TableColumn] = [
        .name,
        .text("Role") { "\($0.at("roleRef", "kind")?.string ?? "")/\($0.at("roleRef", "name")?.string ?? "")" }, .age,
    ]

    private static let created = TableColumn.text("Created At") {
        $0.at("metadata", "creationTimestamp")?.string ?? ""
    }

    private static func amount(_ value: JSONValue?) -> String {
        value?.string ?? value?.int.map(String.init) ?? "N/A"
    }
}
