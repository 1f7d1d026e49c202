/// Every kind that the sandbox serves.
extension ResourceKind {
    package static let namespaces = ResourceKind(
        "Namespace",
        "namespaces",
        namespaced: false,
        short: ["ns"],
        subresources: [.finalize, .status]
    )
    package static let pods = ResourceKind(
        "Pod",
        "pods",
        short: ["po"],
        categories: ["all"],
        subresources: [.attach, .binding, .ephemeralcontainers, .eviction, .exec, .log, .portforward, .status],
        counted: true
    )
    package static let services = ResourceKind(
        "Service",
        "services",
        short: ["svc"],
        categories: ["all"],
        subresources: [.status]
    )
    package static let endpoints = ResourceKind("Endpoints", "endpoints", short: ["ep"])
    package static let configMaps = ResourceKind("ConfigMap", "configmaps", short: ["cm"])
    package static let secrets = ResourceKind("Secret", "secrets")
    package static let serviceAccounts = ResourceKind(
        "ServiceAccount",
        "serviceaccounts",
        short: ["sa"],
        subresources: [.token]
    )
    package static let nodes = ResourceKind(
        "Node",
        "nodes",
        namespaced: false,
        short: ["no"],
        subresources: [.status]
    )
    package static let events = ResourceKind("Event", "events", short: ["ev"])
    package static let persistentVolumeClaims = ResourceKind(
        "PersistentVolumeClaim",
        "persistentvolumeclaims",
        short: ["pvc"],
        subresources: [.status]
    )
    package static let limitRanges = ResourceKind("LimitRange", "limitranges", short: ["limits"])

    package static let resourceQuotas = ResourceKind(
        "ResourceQuota",
        "resourcequotas",
        short: ["quota"],
        subresources: [.status]
    )

    package static let deployments = ResourceKind(
        "Deployment",
        "deployments",
        group: "apps",
        short: ["deploy"],
        categories: ["all"],
        subresources: [.scale, .status],
        counted: true
    )
    package static let replicaSets = ResourceKind(
        "ReplicaSet",
        "replicasets",
        group: "apps",
        short: ["rs"],
        categories: ["all"],
        subresources: [.scale, .status],
        counted: true
    )
    package static let statefulSets = ResourceKind(
        "StatefulSet",
        "statefulsets",
        group: "apps",
        short: ["sts"],
        categories: ["all"],
        subresources: [.scale, .status],
        counted: true
    )
    package static let daemonSets = ResourceKind(
        "DaemonSet",
        "daemonsets",
        group: "apps",
        short: ["ds"],
        categories: ["all"],
        subresources: [.status],
        counted: true
    )
    package static let jobs = ResourceKind(
        "Job",
        "jobs",
        group: "batch",
        categories: ["all"],
        subresources: [.status],
        counted: true
    )
    package static let endpointSlices = ResourceKind(
        "EndpointSlice",
        "endpointslices",
        group: "discovery.k8s.io",
        counted: true
    )
    package static let serviceCIDRs = ResourceKind(
        "ServiceCIDR",
        "servicecidrs",
        group: "networking.k8s.io",
        namespaced: false,
        subresources: [.status]
    )
    package static let ingresses = ResourceKind(
        "Ingress",
        "ingresses",
        group: "networking.k8s.io",
        short: ["ing"],
        subresources: [.status],
        counted: true
    )
    package static let roles = ResourceKind("Role", "roles", group: "rbac.authorization.k8s.io")
    package static let roleBindings = ResourceKind("RoleBinding", "rolebindings", group: "rbac.authorization.k8s.io")
    package static let clusterRoles = ResourceKind(
        "ClusterRole",
        "clusterroles",
        group: "rbac.authorization.k8s.io",
        namespaced: false
    )
    package static let clusterRoleBindings = ResourceKind(
        "ClusterRoleBinding",
        "clusterrolebindings",
        group: "rbac.authorization.k8s.io",
        namespaced: false
    )
    package static let mutatingWebhooks = ResourceKind(
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
        group: "admissionregistration.k8s.io",
        namespaced: false,
        categories: ["api-extensions"],
        counted: true
    )
    package static let disruptionBudgets = ResourceKind(
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        group: "policy",
        short: ["pdb"],
        subresources: [.status],
        counted: true
    )
    package static let leases = ResourceKind("Lease", "leases", group: "coordination.k8s.io")

    package static let tokenReviews = ResourceKind(
        "TokenReview",
        "tokenreviews",
        group: "authentication.k8s.io",
        namespaced: false,
        stored: false
    )
    package static let selfSubjectReviews = ResourceKind(
        "SelfSubjectReview",
        "selfsubjectreviews",
        group: "authentication.k8s.io",
        namespaced: false,
        stored: false
    )
    package static let subjectAccessReviews = ResourceKind(
        "SubjectAccessReview",
        "subjectaccessreviews",
        group: "authorization.k8s.io",
        namespaced: false,
        stored: false
    )
    package static let localSubjectAccessReviews = ResourceKind(
        "LocalSubjectAccessReview",
        "localsubjectaccessreviews",
        group: "authorization.k8s.io",
        stored: false
    )
    package static let selfSubjectAccessReviews = ResourceKind(
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
        group: "authorization.k8s.io",
        namespaced: false,
        stored: false
    )
    package static let selfSubjectRulesReviews = ResourceKind(
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
        group: "authorization.k8s.io",
        namespaced: false,
        stored: false
    )

    /// All kinds, in the order in which discovery names their groups.
    package static let all: [ResourceKind] = [
        .configMaps, .endpoints, .events, .limitRanges, .namespaces, .nodes, .persistentVolumeClaims, .pods,
        .resourceQuotas, .secrets,
        .serviceAccounts, .services, .daemonSets, .deployments, .replicaSets, .statefulSets, .selfSubjectReviews,
        .tokenReviews, .localSubjectAccessReviews, .selfSubjectAccessReviews, .selfSubjectRulesReviews,
        .subjectAccessReviews, .jobs, .endpointSlices, .ingresses, .serviceCIDRs, .disruptionBudgets,
        .clusterRoleBindings, .clusterRoles, .roleBindings, .roles, .mutatingWebhooks, .leases,
    ]

    /// Group names in discovery's order.
    package static let groups: [String] = all.reduce(into: []) { groups, kind in
        if !groups.contains(kind.group) { groups.append(kind.group) }
    }

    private static let byPath: [String: ResourceKind] = Dictionary(
        uniqueKeysWithValues: all.map { ("\($0.group)/\($0.version)/\($0.plural)", $0) }
    )
    private static let byKind: [String: ResourceKind] = Dictionary(
        uniqueKeysWithValues: all.map { ("\($0.apiVersion)/\($0.kind)", $0) }
    )

    /// The kind served at a group, version and plural name.
    package static func at(group: String, version: String, plural: String) -> ResourceKind? {
        self.byPath["\(group)/\(version)/\(plural)"]
    }

    /// The kind of objects with these fields.
    package static func named(apiVersion: String, kind: String) -> ResourceKind? {
        self.byKind["\(apiVersion)/\(kind)"]
    }

    /// The kind of a plural name and a group, in whatever version.
    package static func with(group: String, plural: String) -> ResourceKind? {
        self.all.first { $0.plural == plural && $0.group == group }
    }
}
