import Cluster
import NIOCore

/// Answers requests: finds out who asks and for what, whether they may, and has it done.
///
/// Holds no connection: ``APIListener`` brings requests and takes answers.
package final class APIServer: Sendable {
    /// The objects and what guards them.
    package let api: ObjectAPI
    let access: NodeAccess
    let authenticator: Authenticator
    let authorizer: Authorizer
    let reviews: Reviews
    /// What is to go wrong.
    let faults: FaultInjector

    /// A server over an API.
    package init(api: ObjectAPI, access: NodeAccess, faults: FaultInjector = FaultInjector()) {
        self.api = api
        self.faults = faults
        self.access = access
        self.authorizer = Authorizer(store: api.store)
        self.authenticator = Authenticator(tokens: api.tokens, authorizer: self.authorizer)
        self.reviews = Reviews(tokens: api.tokens, authorizer: self.authorizer)
    }

    /// Answers a request; every failure becomes a `Status`.
    func respond(to request: APIRequest) async -> APIResponse {
        do throws(StatusError) {
            return try await self.answer(request)
        } catch {
            return APIResponse(error)
        }
    }

    /// The pod that a port-forward is for, after all checks.
    func portForward(_ request: APIRequest) throws(StatusError) -> (namespace: String, pod: String) {
        let info = RequestInfo(request)
        guard case .resource(let resource) = info.target, resource.kind == .pods, resource.subresource == "portforward"
        else { throw .noSuchResource }
        let user = try self.authenticator.user(of: request)
        // A WebSocket comes as GET, but to open a connection is to create something.
        try self.authorizer.demand(user, self.attributes(resource, verb: "create"))
        let pod = try self.api.store.get(.pods, namespace: resource.namespace, name: resource.name)
        guard pod.at("status", "phase") == "Running" else {
            throw .badRequest(
                "pod \(resource.name) is not running: its phase is \(pod.at("status", "phase")?.string ?? "unknown")"
            )
        }
        return (resource.namespace, resource.name)
    }

    /// The container that an `exec` or `attach` is for and what is wanted there, after all checks.
    func execTarget(_ request: APIRequest) throws(StatusError) -> ExecTarget {
        let info = RequestInfo(request)
        guard case .resource(let resource) = info.target, resource.kind == .pods,
            ["exec", "attach"].contains(resource.subresource)
        else { throw .noSuchResource }
        let user = try self.authenticator.user(of: request)
        // A WebSocket comes as GET, but to run something is to create it.
        try self.authorizer.demand(user, self.attributes(resource, verb: "create"))
        let pod = try self.api.store.get(.pods, namespace: resource.namespace, name: resource.name)
        let phase = pod.at("status", "phase")?.string ?? "Unknown"
        guard !["Succeeded", "Failed"].contains(phase) else {
            throw .badRequest("cannot exec into a container in a completed pod; current phase is \(phase)")
        }
        var options = ExecOptions(container: try Self.container(of: pod, request))
        options.input = request.flag("stdin")
        options.output = request.flag("stdout")
        options.terminal = request.flag("tty")
        options.error = request.flag("stderr") && !options.terminal
        if resource.subresource == "exec" {
            options.command = request.query.filter { $0.name == "command" }.map(\.value)
            guard !options.command.isEmpty else {
                throw .badRequest("you must specify at least one command for the container")
            }
        }
        guard options.input || options.output || options.error else {
            throw .badRequest("you must specify at least one of stdin, stdout, stderr")
        }
        return ExecTarget(pod: pod, options: options, access: self.access)
    }

    private func answer(_ request: APIRequest) async throws(StatusError) -> APIResponse {
        let info = RequestInfo(request)
        let user = try self.authenticator.user(of: request)
        try await self.faults.disturb(request, by: user)
        switch info.target {
        case .path(let path):
            var attributes = Authorizer.Attributes(verb: info.verb)
            attributes.path = path
            try self.authorizer.demand(user, attributes)
            return try self.document(path, request)
        case .unknown(let group, let resource, let namespace, let name):
            var attributes = Authorizer.Attributes(verb: info.verb, group: group, resource: resource)
            attributes.namespace = namespace
            attributes.name = name
            try self.authorizer.demand(user, attributes)
            throw .noSuchResource
        case .resource(let resource):
            try self.authorizer.demand(user, self.attributes(resource, verb: info.verb))
            if !resource.subresource.isEmpty {
                return try await self.subresource(resource, info.verb, request, user)
            }
            return try await self.object(resource, info.verb, request, user)
        }
    }

    private func attributes(_ resource: RequestInfo.Resource, verb: String) -> Authorizer.Attributes {
        let sub = resource.subresource.isEmpty ? "" : "/\(resource.subresource)"
        return Authorizer.Attributes(
            verb: verb,
            group: resource.kind.group,
            resource: resource.kind.plural + sub,
            name: resource.name,
            // A namespace itself is judged within itself, as Kubernetes does.
            namespace: resource.kind == .namespaces ? resource.name : resource.namespace
        )
    }

    // MARK: Documents

    private func document(_ path: String, _ request: APIRequest) throws(StatusError) -> APIResponse {
        let segments = path.split(separator: "/").map(String.init)
        switch segments.first {
        case "healthz", "readyz", "livez":
            guard segments.count == 1 || segments[1] == "ping" else { throw .noSuchResource }
            return APIResponse(text: "ok")
        default: break
        }
        guard ["GET", "HEAD"].contains(request.method) else { throw .methodNotAllowed }
        let accepted = try self.accepted(request)
        func json(_ value: JSONValue?) throws(StatusError) -> APIResponse {
            guard let value else { throw .noSuchResource }
            let aggregated = value["kind"] == "APIGroupDiscoveryList"
            return APIResponse(json: value, contentType: aggregated ? accepted.contentType : "application/json")
        }
        switch (segments.first, segments.count) {
        case (nil, _):
            return try json([
                "paths": ["/api", "/api/v1", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]
            ])
        case ("version", 1): return try json(Discovery.version)
        case ("api", 1): return try json(Discovery.core(accepted))
        case ("api", 2): return try json(Discovery.resources(group: "", version: segments[1]))
        case ("apis", 1): return try json(Discovery.groups(accepted))
        case ("apis", 2): return try json(Discovery.group(segments[1]))
        case ("apis", 3): return try json(Discovery.resources(group: segments[1], version: segments[2]))
        case ("openapi", 2) where segments[1] == "v3": return try json(OpenAPI.index)
        case ("openapi", 4) where segments[1] == "v3" && segments[2] == "api":
            return try json(OpenAPI.document(group: "", version: segments[3]))
        case ("openapi", 5) where segments[1] == "v3" && segments[2] == "apis":
            return try json(OpenAPI.document(group: segments[3], version: segments[4]))
        default: throw .noSuchResource
        }
    }

    func accepted(_ request: APIRequest) throws(StatusError) -> Accepted {
        guard let accepted = Accepted(request.values("accept").joined(separator: ",")) else {
            throw StatusError(
                code: 406,
                reason: "NotAcceptable",
                message: "only the following media types are accepted: application/json"
            )
        }
        return accepted
    }

    /// The body as JSON; 400 and 415.
    func body(_ request: APIRequest, anyType: Bool = false) throws(StatusError) -> JSONValue {
        if request.contentType == "application/vnd.kubernetes.protobuf" {
            return try ProtobufReader.object(request.body)
        }
        if !anyType, !["", "application/json"].contains(request.contentType) {
            throw .unsupportedMediaType(
                "the body of the request was in an unknown format - accepted media types include: application/json"
            )
        }
        do throws(JSONError) {
            return try JSONValue.parse(request.body)
        } catch {
            throw .badRequest("the object provided is unrecognized: \(error.description)")
        }
    }

    func writeOptions(_ request: APIRequest) throws(StatusError) -> WriteOptions {
        let dryRun = request.query.filter { $0.name == "dryRun" }.map(\.value)
        guard dryRun.allSatisfy({ $0 == "All" || $0.isEmpty }) else {
            throw .badRequest("dryRun: Unsupported value: \"\(dryRun[0])\": supported values: \"All\"")
        }
        // Without a name the client's own stands in: what comes before the slash of its user agent.
        let agent = request.header("user-agent")?.split(separator: "/").first.map(String.init) ?? "unknown"
        return WriteOptions(
            dryRun: dryRun.contains("All"),
            fieldManager: request.parameter("fieldManager") ?? agent,
            force: request.flag("force")
        )
    }

    /// An object in the form that the client wants.
    func render(
        _ object: JSONValue,
        _ kind: ResourceKind,
        _ request: APIRequest,
        status: Int = 200
    ) throws(StatusError) -> APIResponse {
        switch try self.accepted(request).form {
        case .table:
            let metadata: JSONValue = ["resourceVersion": .string(object.resourceVersion)]
            return APIResponse(
                status: status,
                json: ResourceTable.make(
                    kind,
                    [object],
                    metadata: metadata,
                    include: request.parameter("includeObject")
                )
            )
        case .partial: return APIResponse(status: status, json: ResourceTable.partial(object))
        case .object, .discovery: return APIResponse(status: status, json: object)
        }
    }
}
