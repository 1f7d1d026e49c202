package import NIOCore

extension APIConnection {
    /// Reads one object.
    package func get(
        _ resource: APIResource,
        namespace: String? = nil,
        name: String
    ) async throws(APIError) -> JSONValue {
        try await send(APIRequest(.get, resource, namespace: namespace, name: name))
    }

    /// Reads all objects, page by page; over all namespaces when none is given.
    ///
    /// - Parameters:
    ///   - resource: What to list.
    ///   - namespace: Where; nil means everywhere.
    ///   - selection: Which of them.
    ///   - pageSize: How many per request.
    ///   - digest: Takes of each object what matters, before the next page is read; nil keeps all.
    /// - Returns: The items, and the version to watch from.
    /// - Throws: ``APIError``.
    package func list(
        _ resource: APIResource,
        namespace: String? = nil,
        selection: APISelection = APISelection(),
        pageSize: Int = 500,
        digest: (@Sendable (JSONValue) -> JSONValue)? = nil
    ) async throws(APIError) -> APIList {
        var items: [JSONValue] = []
        var token: String?
        var paged = true
        while true {
            var query = selection.query
            if paged { query.append((name: "limit", value: String(pageSize))) }
            if let token { query.append((name: "continue", value: token)) }
            let page: JSONValue
            do throws(APIError) {
                page = try await send(APIRequest(.list, resource, namespace: namespace, query: query))
            } catch {
                // The page token has expired: start again with the whole list at once.
                guard error.kind == .gone, token != nil else { throw error }
                items = []
                token = nil
                paged = false
                continue
            }
            guard let elements = page["items"]?.array ?? (page["items"]?.isNull == true ? [] : nil) else {
                throw APIError(kind: .malformed, message: "list \(resource.plural): the answer is no list")
            }
            items += digest.map { elements.map($0) } ?? elements
            token = page.at("metadata", "continue")?.string.flatMap { $0.isEmpty ? nil : $0 }
            if token == nil {
                return APIList(items: items, resourceVersion: page.at("metadata", "resourceVersion")?.string ?? "")
            }
        }
    }

    /// Makes an object.
    package func create(
        _ resource: APIResource,
        namespace: String? = nil,
        _ object: JSONValue
    ) async throws(APIError) -> JSONValue {
        try await send(APIRequest(.create, resource, namespace: namespace, body: object))
    }

    /// Changes an object.
    package func patch(
        _ resource: APIResource,
        namespace: String? = nil,
        name: String,
        subresource: String? = nil,
        _ patch: APIPatch
    ) async throws(APIError) -> JSONValue {
        try await send(
            APIRequest(
                .patch,
                resource,
                namespace: namespace,
                name: name,
                subresource: subresource,
                query: patch.query,
                body: patch.body,
                contentType: patch.contentType
            )
        )
    }

    /// Deletes an object.
    ///
    /// - Parameters:
    ///   - resource: Its kind.
    ///   - namespace: Where it is.
    ///   - name: Its name.
    ///   - uid: Only when it is still this very object.
    /// - Returns: The object, or a Status.
    /// - Throws: ``APIError``.
    @discardableResult
    package func delete(
        _ resource: APIResource,
        namespace: String? = nil,
        name: String,
        uid: String? = nil
    ) async throws(APIError) -> JSONValue {
        let body: JSONValue? = uid.map { ["preconditions": ["uid": .string($0)]] }
        return try await send(APIRequest(.delete, resource, namespace: namespace, name: name, body: body))
    }

    /// Evicts a pod, gently: a disruption budget may forbid it for now.
    ///
    /// - Parameters:
    ///   - pod: The pod's name.
    ///   - namespace: Its namespace.
    ///   - uid: Only when it is still this very pod.
    /// - Throws: ``APIError`` of kind `tooManyRequests` when a budget forbids it. A pod that is gone is a success.
    package func evict(pod: String, namespace: String, uid: String? = nil) async throws(APIError) {
        var body: JSONValue = [
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": ["name": .string(pod), "namespace": .string(namespace)],
        ]
        if let uid { body["deleteOptions"] = ["preconditions": ["uid": .string(uid)]] }
        do throws(APIError) {
            var request = APIRequest(
                .create,
                .pods,
                namespace: namespace,
                name: pod,
                subresource: "eviction",
                body: body
            )
            request.retriesWhenBusy = false
            _ = try await send(request)
        } catch {
            // Gone already, or another pod has its name by now.
            if error.kind == .notFound || (uid != nil && error.kind == .conflict) { return }
            throw error
        }
    }

    /// Asks who a bearer token is (TokenReview).
    ///
    /// - Parameters:
    ///   - token: The token.
    ///   - audiences: Whom it must have been made for; empty means the API server.
    /// - Returns: The user, or nil when the token is not valid.
    /// - Throws: ``APIError``.
    package func review(token: String, audiences: [String] = []) async throws(APIError) -> APIUser? {
        var spec: JSONValue = ["token": .string(token)]
        if !audiences.isEmpty { spec["audiences"] = .array(audiences.map { .string($0) }) }
        let review = try await create(
            .tokenReviews,
            ["apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec]
        )
        guard review.at("status", "authenticated")?.bool == true, let user = review.at("status", "user") else {
            return nil
        }
        if !audiences.isEmpty {
            // A server that does not know audiences would answer for its own.
            guard let accepted = review.at("status", "audiences")?.stringArray, !accepted.isEmpty else { return nil }
        }
        return APIUser(json: user)
    }

    /// Asks whether a user may do something (SubjectAccessReview).
    package func isAllowed(_ user: APIUser, _ question: APIAccessQuestion) async throws(APIError) -> Bool {
        var spec = user.json
        spec["resourceAttributes"] = question.json
        let review = try await create(
            .subjectAccessReviews,
            ["apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview", "spec": spec]
        )
        return review.at("status", "allowed")?.bool == true
    }

    /// Asks whether this user may do something (SelfSubjectAccessReview).
    package func mayI(_ question: APIAccessQuestion) async throws(APIError) -> Bool {
        let review = try await create(
            .selfSubjectAccessReviews,
            [
                "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
                "spec": ["resourceAttributes": question.json],
            ]
        )
        return review.at("status", "allowed")?.bool == true
    }

    /// The server's version, such as `v1.33.1`.
    package func serverVersion(timeout: TimeAmount = .seconds(10)) async throws(APIError) -> String {
        let version = try await send(APIRequest(.get, path: "/version", action: "read the version"), timeout: timeout)
        return version["gitVersion"]?.string ?? "unknown"
    }
}
