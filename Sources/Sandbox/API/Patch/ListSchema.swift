import Cluster

/// Which lists of Kubernetes objects are maps in disguise, and by which fields their elements are told apart.
///
/// Strategic merge patch and server-side apply differ in a few of them, so each has its own column.
enum ListSchema {
    /// How a list is merged.
    enum Strategy: Equatable {
        /// Replaced as a whole.
        case atomic
        /// Elements are objects, told apart by these fields.
        case map(keys: [String])
        /// Elements are scalars, each at most once.
        case set
    }

    private struct Rule {
        /// The list's name, after the names that have to stand before it.
        let path: [String]
        let strategic: Strategy
        let apply: Strategy
    }

    private static let byName: Strategy = .map(keys: ["name"])

    /// The last matching rule wins.
    private static let rules: [Rule] = [
        Rule(path: ["containers"], strategic: byName, apply: byName),
        Rule(path: ["initContainers"], strategic: byName, apply: byName),
        Rule(path: ["ephemeralContainers"], strategic: byName, apply: byName),
        Rule(path: ["volumes"], strategic: byName, apply: byName),
        Rule(path: ["env"], strategic: byName, apply: byName),
        Rule(path: ["imagePullSecrets"], strategic: byName, apply: byName),
        Rule(path: ["webhooks"], strategic: byName, apply: byName),
        Rule(path: ["secrets"], strategic: byName, apply: byName),
        Rule(
            path: ["volumeMounts"],
            strategic: .map(keys: ["mountPath"]),
            apply: .map(keys: ["mountPath"])
        ),
        Rule(path: ["volumeDevices"], strategic: .map(keys: ["devicePath"]), apply: .map(keys: ["devicePath"])),
        Rule(path: ["hostAliases"], strategic: .map(keys: ["ip"]), apply: .map(keys: ["ip"])),
        Rule(path: ["conditions"], strategic: .map(keys: ["type"]), apply: .map(keys: ["type"])),
        Rule(path: ["podIPs"], strategic: .map(keys: ["ip"]), apply: .map(keys: ["ip"])),
        Rule(path: ["addresses"], strategic: .map(keys: ["type"]), apply: .map(keys: ["type"])),
        Rule(path: ["ownerReferences"], strategic: .map(keys: ["uid"]), apply: .map(keys: ["uid"])),
        Rule(path: ["taints"], strategic: .map(keys: ["key"]), apply: .atomic),
        Rule(
            path: ["topologySpreadConstraints"],
            strategic: .map(keys: ["topologyKey"]),
            apply: .map(keys: ["topologyKey", "whenUnsatisfiable"])
        ),
        Rule(path: ["finalizers"], strategic: .set, apply: .set),
        Rule(path: ["matchConditions"], strategic: byName, apply: byName),
        Rule(
            path: ["spec", "ports"],
            strategic: .map(keys: ["port"]),
            apply: .map(keys: ["port", "protocol"])
        ),
        Rule(
            path: ["containers", "ports"],
            strategic: .map(keys: ["containerPort"]),
            apply: .map(keys: ["containerPort", "protocol"])
        ),
        Rule(
            path: ["initContainers", "ports"],
            strategic: .map(keys: ["containerPort"]),
            apply: .map(keys: ["containerPort", "protocol"])
        ),
    ]

    /// The rule of a list for strategic merge patches; `path` is the names of the fields to it, without indices.
    static func strategic(_ path: [String]) -> Strategy { self.rule(path)?.strategic ?? .atomic }

    /// The rule of a list for server-side apply.
    static func apply(_ path: [String]) -> Strategy { self.rule(path)?.apply ?? .atomic }

    private static func rule(_ path: [String]) -> Rule? {
        // Data of the user's own is never merged by shape.
        if path.first == "data" || path.first == "stringData" { return nil }
        return self.rules.last { path.suffix($0.path.count).elementsEqual($0.path) }
    }
}
