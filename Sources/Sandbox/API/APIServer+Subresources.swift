import Cluster
import NIOCore

extension APIServer {
    /// Does a verb on what is below an object.
    func subresource(
        _ resource: RequestInfo.Resource,
        _ verb: String,
        _ request: APIRequest,
        _ user: UserInfo
    ) async throws(StatusError) -> APIResponse {
        let kind = resource.kind
        guard let subresource = Subresource(rawValue: resource.subresource), kind.subresources.contains(subresource)
        else { throw .noSuchResource }
        guard subresource.verbs.contains(verb) else { throw .methodNotAllowed }
        switch (subresource, verb) {
        case (.status, "get"):
            return try self.render(
                try self.api.store.get(kind, namespace: resource.namespace, name: resource.name),
                kind,
                request
            )
        case (.status, "patch"): return try await self.patch(resource, .status, request, user)
        case (.status, _):
            let object = try await self.api.update(
                kind,
                try self.body(request),
                namespace: resource.namespace,
                name: resource.name,
                part: .status,
                as: user,
                options: try self.writeOptions(request)
            )
            return try self.render(object, kind, request)
        case (.ephemeralcontainers, "get"):
            return try self.render(
                try self.api.store.get(kind, namespace: resource.namespace, name: resource.name),
                kind,
                request
            )
        case (.ephemeralcontainers, _):
            let patch =
                verb == "patch"
                ? try PatchBody(contentType: request.contentType, body: try self.body(request, anyType: true)) : nil
            let wanted = verb == "patch" ? nil : try self.body(request)
            let pod = try self.api.changeEphemeralContainers(
                pod: resource.name,
                namespace: resource.namespace,
                dryRun: request.parameter("dryRun") == "All"
            ) { old throws(StatusError) in
                try patch?.applied(to: old, kind: kind) ?? wanted ?? old
            }
            return try self.render(pod, kind, request)
        case (.scale, _): return try await self.scale(resource, verb, request, user)
        case (.log, _): return try await self.log(resource, request)
        case (.portforward, _), (.exec, _), (.attach, _):
            throw .badRequest("Upgrade request required")
        case (.eviction, _):
            let eviction = try self.body(request)
            let named = eviction.name
            guard named.isEmpty || named == resource.name else {
                throw .badRequest("name in URL does not match name in Eviction object: \(named)")
            }
            var options = try DeleteOptions(eviction["deleteOptions"])
            if request.parameter("dryRun") == "All" { options.dryRun = true }
            try await self.api.evict(pod: resource.name, namespace: resource.namespace, as: user, options: options)
            return self.success(201)
        case (.binding, _):
            let binding = try self.body(request)
            try self.api.bind(
                pod: resource.name,
                namespace: resource.namespace,
                node: binding.at("target", "name")?.string ?? ""
            )
            return self.success(201)
        case (.token, _): return try self.token(resource, request)
        case (.finalize, _):
            let finalizers = try self.body(request).at("spec", "finalizers") ?? .array([])
            let object = try self.api.store.update(kind, name: resource.name, part: .whole) { old throws(StatusError) in
                var object = old
                object.set("spec", "finalizers", to: finalizers)
                return object
            }
            return try self.render(object, kind, request)
        }
    }

    private func success(_ status: Int) -> APIResponse {
        APIResponse(
            status: status,
            json: [
                "kind": "Status", "apiVersion": "v1", "metadata": .object([:]), "status": "Success",
                "code": .integer(Int64(status)),
            ]
        )
    }

    // MARK: Scale

    private func scale(
        _ resource: RequestInfo.Resource,
        _ verb: String,
        _ request: APIRequest,
        _ user: UserInfo
    ) async throws(StatusError) -> APIResponse {
        let kind = resource.kind
        let present = try self.api.store.get(kind, namespace: resource.namespace, name: resource.name)
        if verb == "get" { return APIResponse(json: Self.scale(of: present)) }
        var scale: JSONValue
        if verb == "patch" {
            let patch = try PatchBody(contentType: request.contentType, body: try self.body(request, anyType: true))
            if case .apply(let wanted) = patch {
                scale = Self.scale(of: present).merged(with: wanted)
            } else {
                scale = try patch.applied(to: Self.scale(of: present), kind: kind)
            }
        } else {
            scale = try self.body(request)
        }
        guard let replicas = scale.at("spec", "replicas")?.integer ?? (scale["spec"] == nil ? nil : 0), replicas >= 0
        else {
            throw .invalid(
                kind,
                resource.name,
                [
                    .init(
                        reason: "FieldValueInvalid",
                        message: "Invalid value: must be greater than or equal to 0",
                        field: "spec.replicas"
                    )
                ]
            )
        }
        let expected = scale.resourceVersion
        let changed = try await self.api.modify(
            kind,
            namespace: resource.namespace,
            name: resource.name,
            as: user,
            options: try self.writeOptions(request)
        ) { old throws(StatusError) in
            var object = old
            if verb == "update", !expected.isEmpty { object.set("metadata", "resourceVersion", to: .string(expected)) }
            object.set("spec", "replicas", to: .integer(replicas))
            return object
        }
        return APIResponse(json: Self.scale(of: changed))
    }

    private static func scale(of object: JSONValue) -> JSONValue {
        var metadata: JSONValue = [:]
        for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
            metadata[field] = object.at("metadata", field)
        }
        let selector = (object.at("spec", "selector", "matchLabels")?.stringMap ?? [:]).sorted { $0.key < $1.key }
            .map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        return [
            "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
            "spec": ["replicas": object.at("spec", "replicas") ?? 0],
            "status": ["replicas": object.at("status", "replicas") ?? 0, "selector": .string(selector)],
        ]
    }

    // MARK: Logs and tokens

    private func log(_ resource: RequestInfo.Resource, _ request: APIRequest) async throws(StatusError) -> APIResponse {
        let pod = try self.api.store.get(.pods, namespace: resource.namespace, name: resource.name)
        var options = NodeAccess.LogOptions(container: try Self.container(of: pod, request))
        options.follow = request.flag("follow")
        options.previous = request.flag("previous")
        options.timestamps = request.flag("timestamps")
        options.tail = request.parameter("tailLines").flatMap { Int($0) }
        options.limit = request.parameter("limitBytes").flatMap { Int($0) }
        if let seconds = request.parameter("sinceSeconds").flatMap({ Int64($0) }) {
            options.since = Timestamp.seconds() - min(max(0, seconds), Timestamp.seconds())
        }
        if let moment = request.parameter("sinceTime") { options.since = Timestamp.parse(moment) }
        let stream = try await self.access.log(pod, options)
        return APIResponse(contentType: "text/plain", body: .stream(stream))
    }

    /// The container that a request names, or the pod's only one.
    static func container(of pod: JSONValue, _ request: APIRequest) throws(StatusError) -> String {
        let names = ["containers", "initContainers", "ephemeralContainers"].flatMap { list in
            (pod.at("spec", list)?.array ?? []).compactMap { $0["name"]?.string }
        }
        let containers = (pod.at("spec", "containers")?.array ?? []).compactMap { $0["name"]?.string }
        var name = request.parameter("container") ?? ""
        if name.isEmpty {
            guard containers.count == 1 else {
                throw .badRequest(
                    "a container name must be specified for pod \(pod.name), choose one of: "
                        + "[\(containers.joined(separator: " "))]"
                )
            }
            name = containers[0]
        }
        guard names.contains(name) else { throw .badRequest("container \(name) is not valid for pod \(pod.name)") }
        return name
    }

    private func token(_ resource: RequestInfo.Resource, _ request: APIRequest) throws(StatusError) -> APIResponse {
        var answer = try self.body(request)
        let bound = answer.at("spec", "boundObjectRef")
        let pod = bound?["kind"] == "Pod" ? bound?["name"]?.string : nil
        if let pod, let uid = bound?["uid"]?.string, !uid.isEmpty {
            let present = try self.api.store.get(.pods, namespace: resource.namespace, name: pod).uid
            guard present == uid else {
                throw .conflict(
                    .pods,
                    pod,
                    "the UID in the bound object reference (\(uid)) does not match the UID in record (\(present))"
                )
            }
        }
        let (token, expires) = try self.api.tokens.issue(
            serviceAccount: resource.name,
            namespace: resource.namespace,
            audiences: answer.at("spec", "audiences")?.stringArray ?? [],
            lifetime: answer.at("spec", "expirationSeconds")?.integer ?? 3600,
            pod: pod
        )
        answer["kind"] = "TokenRequest"
        answer["apiVersion"] = "authentication.k8s.io/v1"
        answer["status"] = ["token": .string(token), "expirationTimestamp": .string(Timestamp.text(seconds: expires))]
        return APIResponse(status: 201, json: answer)
    }
}
