import Installation

/// A context as `list-contexts` prints it.
struct ContextOutput: Encodable, Equatable {
    var name: String
    var cluster: String
    var server: String
    var user: String
    var namespace: String
    var current: Bool

    init(_ context: ClusterContext) {
        name = context.name
        cluster = context.cluster
        server = context.server
        user = context.user
        namespace = context.namespace
        current = context.isCurrent
    }
}
