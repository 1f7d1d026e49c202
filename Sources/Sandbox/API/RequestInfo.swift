/// What a request is about: which verb on which object or path.
struct RequestInfo: Sendable {
    /// An object or a collection.
    struct Resource: Sendable {
        let kind: ResourceKind
        /// Empty for objects outside namespaces, and for all namespaces.
        let namespace: String
        /// Empty for a collection.
        let name: String
        /// Empty for the object itself.
        let subresource: String
    }

    /// What is asked for.
    enum Target: Sendable {
        case resource(Resource)
        case path(String)
        /// Below a group and version that are served or not, something that is not.
        case unknown(group: String, resource: String, namespace: String, name: String)
    }

    /// get, list, watch, create, update, patch, delete, deletecollection; for paths the method.
    let verb: String
    let target: Target

    /// Reads method and path.
    init(_ request: APIRequest) {
        let segments = request.path.split(separator: "/").map(String.init)
        let method = request.method.lowercased()
        let grouped = segments.first == "apis"
        let skip = grouped ? 3 : 2
        guard segments.first == "api" || grouped, segments.count > skip else {
            self.verb = method == "head" ? "get" : method
            self.target = .path(request.path)
            return
        }
        let group = grouped ? segments[1] : ""
        let version = grouped ? segments[2] : segments[1]
        var rest = Array(segments[skip...])
        var namespace = ""
        if rest[0] == "namespaces", rest.count >= 3, !["status", "finalize"].contains(rest[2]) {
            namespace = rest[1]
            rest.removeFirst(2)
        }
        let name = rest.count > 1 ? rest[1] : ""
        let subresource = rest.dropFirst(2).joined(separator: "/")
        switch request.method {
        case "GET", "HEAD":
            self.verb = request.flag("watch") ? "watch" : (name.isEmpty ? "list" : "get")
        case "POST": self.verb = "create"
        case "PUT": self.verb = "update"
        case "PATCH": self.verb = "patch"
        case "DELETE": self.verb = name.isEmpty ? "deletecollection" : "delete"
        default: self.verb = method
        }
        if let kind = ResourceKind.at(group: group, version: version, plural: rest[0]),
            kind.namespaced || namespace.isEmpty
        {
            let resource = Resource(kind: kind, namespace: namespace, name: name, subresource: subresource)
            self.target = .resource(resource)
        } else {
            self.target = .unknown(group: group, resource: rest[0], namespace: namespace, name: name)
        }
    }
}
