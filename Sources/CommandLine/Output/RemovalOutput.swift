import Installation

/// What `uninstall --dry-run` prints with `--format json`.
struct RemovalOutput: Encodable {
    var namespace: String
    var objects: [String]
    var replacedPods: [String]
    var removesNamespace: Bool
    var notes: [String]

    init(_ plan: RemovalPlan) {
        namespace = plan.namespace
        objects = plan.objects.map(\.description)
        replacedPods = plan.agents.filter(\.isControlled).map { "\($0.namespace)/\($0.name)" }
        removesNamespace = plan.removesNamespace
        notes = plan.notes
    }
}
