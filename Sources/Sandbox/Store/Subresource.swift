/// What the API serves below one object.
package enum Subresource: String, Sendable, Hashable {
    case status, scale, log, portforward, eviction, binding, token, finalize, ephemeralcontainers, exec, attach

    /// Group, version and kind of what it takes and gives, where that is not the object itself.
    package var kind: (group: String, version: String, kind: String)? {
        switch self {
        case .scale: ("autoscaling", "v1", "Scale")
        case .portforward: ("", "v1", "PodPortForwardOptions")
        case .exec: ("", "v1", "PodExecOptions")
        case .attach: ("", "v1", "PodAttachOptions")
        case .eviction: ("policy", "v1", "Eviction")
        case .binding: ("", "v1", "Binding")
        case .token: ("authentication.k8s.io", "v1", "TokenRequest")
        case .status, .log, .finalize, .ephemeralcontainers: nil
        }
    }

    /// The verbs that discovery names for it.
    package var verbs: [String] {
        switch self {
        case .status, .scale, .ephemeralcontainers: ["get", "patch", "update"]
        case .log: ["get"]
        case .portforward, .exec, .attach: ["create", "get"]
        case .eviction, .binding, .token: ["create"]
        case .finalize: ["update"]
        }
    }
}
