/// One kind of object in the API: where it is found.
package struct APIResource: Sendable, Hashable {
    /// Empty for the core group.
    package let group: String
    package let version: String
    /// The plural name in paths, lower case.
    package let plural: String
    package let kind: String
    package let isNamespaced: Bool

    package init(group: String, version: String, plural: String, kind: String, isNamespaced: Bool = true) {
        self.group = group
        self.version = version
        self.plural = plural
        self.kind = kind
        self.isNamespaced = isNamespaced
    }

    /// `apiVersion` as objects carry it.
    package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

    /// The path of a collection, an object or a sub-resource; names are percent-encoded where needed.
    package func path(namespace: String?, name: String? = nil, subresource: String? = nil) -> String {
        var path = group.isEmpty ? "/api/\(version)" : "/apis/\(group)/\(version)"
        if isNamespaced, let namespace { path += "/namespaces/" + URLText.escape(namespace) }
        path += "/" + plural
        if let name { path += "/" + URLText.escape(name) }
        if let subresource { path += "/" + subresource }
        return path
    }
}

extension APIResource {
    package static let pods = APIResource(group: "", version: "v1", plural: "pods", kind: "Pod")
    package static let services = APIResource(group: "", version: "v1", plural: "services", kind: "Service")
    package static let configMaps = APIResource(group: "", version: "v1", plural: "configmaps", kind: "ConfigMap")
    package static let secrets = APIResource(group: "", version: "v1", plural: "secrets", kind: "Secret")
    package static let events = APIResource(group: "", version: "v1", plural: "events", kind: "Event")
    package static let endpoints = APIResource(group: "", version: "v1", plural: "endpoints", kind: "Endpoints")
    package static let namespaces = APIResource(
        group: "",
        version: "v1",
        plural: "namespaces",
        kind: "Namespace",
        isNamespaced: false
    )
    package static let nodes = APIResource(
        group: "",
        version: "v1",
        plural: "nodes",
        kind: "Node",
        isNamespaced: false
    )
    package static let deployments = apps("deployments", "Deployment")
    package static let replicaSets = apps("replicasets", "ReplicaSet")
    package static let statefulSets = apps("statefulsets", "StatefulSet")
    package static let daemonSets = apps("daemonsets", "DaemonSet")
    package static let jobs = APIResource(group: "batch", version: "v1", plural: "jobs", kind: "Job")
    package static let endpointSlices = APIResource(
        group: "discovery.k8s.io",
        version: "v1",
        plural: "endpointslices",
        kind: "EndpointSlice"
    )
    package static let serviceCIDRs = APIResource(
        group: "networking.k8s.io",
        version: "v1",
        plural: "servicecidrs",
        kind: "ServiceCIDR",
        isNamespaced: false
    )
    package static let tokenReviews = APIResource(
        group: "authentication.k8s.io",
        version: "v1",
        plural: "tokenreviews",
        kind: "TokenReview",
        isNamespaced: false
    )
    package static let subjectAccessReviews = APIResource(
        group: "authorization.k8s.io",
        version: "v1",
        plural: "subjectaccessreviews",
        kind: "SubjectAccessReview",
        isNamespaced: false
    )
    package static let selfSubjectAccessReviews = APIResource(
        group: "authorization.k8s.io",
        version: "v1",
        plural: "selfsubjectaccessreviews",
        kind: "SelfSubjectAccessReview",
        isNamespaced: false
    )
    package static let mutatingWebhookConfigurations = APIResource(
        group: "admissionregistration.k8s.io",
        version: "v1",
        plural: "mutatingwebhookconfigurations",
        kind: "MutatingWebhookConfiguration",
        isNamespaced: false
    )

    private static func apps(_ plural: String, _ kind: String) -> APIResource {
        APIResource(group: "apps", version: "v1", plural: plural, kind: kind)
    }
}
