/// One request to the API server.
package struct APIRequest: Sendable {
    /// What is to be done, in Kubernetes' words.
    package enum Verb: String, Sendable {
        case get, list, watch, create, update, patch, delete
    }

    package var verb: Verb
    package var path: String
    package var query: [(name: String, value: String)]
    package var body: JSONValue?
    package var contentType: String
    /// What is asked, in words: `list pods in namespace "default"`.
    package var action: String
    /// Whether an answer of 429 means that it is to be sent again a little later; an eviction's 429 means something else.
    package var retriesWhenBusy = true

    package init(
        _ verb: Verb,
        path: String,
        query: [(name: String, value: String)] = [],
        body: JSONValue? = nil,
        contentType: String = "application/json",
        action: String
    ) {
        self.verb = verb
        self.path = path
        self.query = query
        self.body = body
        self.contentType = contentType
        self.action = action
    }

    /// A request for objects of a resource.
    package init(
        _ verb: Verb,
        _ resource: APIResource,
        namespace: String? = nil,
        name: String? = nil,
        subresource: String? = nil,
        query: [(name: String, value: String)] = [],
        body: JSONValue? = nil,
        contentType: String = "application/json"
    ) {
        var action = "\(verb.rawValue) \(resource.plural)" + (subresource.map { "/" + $0 } ?? "")
        if let name { action += " \"\(name)\"" }
        if let namespace, resource.isNamespaced { action += " in namespace \"\(namespace)\"" }
        self.init(
            verb,
            path: resource.path(namespace: namespace, name: name, subresource: subresource),
            query: query,
            body: body,
            contentType: contentType,
            action: action
        )
    }

    /// Whether doing it twice does no harm.
    var isRepeatable: Bool {
        switch verb {
        case .get, .list, .watch: true
        // Applying is declaring a wish: wishing twice changes nothing.
        case .patch: contentType == "application/apply-patch+yaml"
        default: false
        }
    }

    var method: String {
        switch verb {
        case .get, .list, .watch: "GET"
        case .create: "POST"
        case .update: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        }
    }

    /// Path and query as HTTP carries them.
    var target: String {
        guard !query.isEmpty else { return path }
        return path + "?"
            + query.map { URLText.escape($0.name) + "=" + URLText.escape($0.value) }.joined(separator: "&")
    }
}
