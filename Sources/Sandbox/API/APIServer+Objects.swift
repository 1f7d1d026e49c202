import Cluster
import NIOCore

extension APIServer {
    /// Does a verb on an object or a collection.
    func object(
        _ resource: RequestInfo.Resource,
        _ verb: String,
        _ request: APIRequest,
        _ user: UserInfo
    ) async throws(StatusError) -> APIResponse {
        let kind = resource.kind
        guard kind.stored else {
            guard verb == "create", resource.name.isEmpty else { throw .methodNotAllowed }
            let answer = try self.reviews.answer(
                kind,
                try self.body(request),
                namespace: resource.namespace,
                by: user
            )
            return try self.render(answer, kind, request, status: 201)
        }
        if kind.namespaced, resource.namespace.isEmpty, !["list", "watch"].contains(verb) {
            throw .methodNotAllowed
        }
        switch verb {
        case "get":
            return try self.render(
                try self.api.store.get(kind, namespace: resource.namespace, name: resource.name),
                kind,
                request
            )
        case "list": return try self.list(resource, request)
        case "watch": return try self.watch(resource, request)
        case "create":
            guard resource.name.isEmpty else { throw .methodNotAllowed }
            let object = try await self.api.create(
                kind,
                try self.body(request),
                namespace: resource.namespace,
                as: user,
                options: try self.writeOptions(request)
            )
            return try self.render(object, kind, request, status: 201)
        case "update":
            guard !resource.name.isEmpty else { throw .methodNotAllowed }
            let object = try await self.api.update(
                kind,
                try self.body(request),
                namespace: resource.namespace,
                name: resource.name,
                as: user,
                options: try self.writeOptions(request)
            )
            return try self.render(object, kind, request)
        case "patch":
            guard !resource.name.isEmpty else { throw .methodNotAllowed }
            return try await self.patch(resource, .main, request, user)
        case "delete": return try await self.delete(resource, request, user)
        case "deletecollection": return try await self.deleteCollection(resource, request, user)
        default: throw .methodNotAllowed
        }
    }

    func patch(
        _ resource: RequestInfo.Resource,
        _ part: ObjectStore.Part,
        _ request: APIRequest,
        _ user: UserInfo
    ) async throws(StatusError) -> APIResponse {
        let patch = try PatchBody(contentType: request.contentType, body: try self.body(request, anyType: true))
        var options = try self.writeOptions(request)
        if case .apply = patch { options.fieldManager = request.parameter("fieldManager") ?? "" }
        let (object, created) = try await self.api.patch(
            resource.kind,
            patch,
            namespace: resource.namespace,
            name: resource.name,
            part: part,
            as: user,
            options: options
        )
        return try self.render(object, resource.kind, request, status: created ? 201 : 200)
    }

    private func deleteOptions(_ request: APIRequest) throws(StatusError) -> DeleteOptions {
        var options = try DeleteOptions(request.body.isEmpty ? nil : try self.body(request))
        if let seconds = request.parameter("gracePeriodSeconds").flatMap({ Int64($0) }) {
            options.gracePeriod = seconds
        }
        if let text = request.parameter("propagationPolicy") { options.propagation = .init(rawValue: text) }
        if request.parameter("dryRun") == "All" { options.dryRun = true }
        return options
    }

    private func delete(
        _ resource: RequestInfo.Resource,
        _ request: APIRequest,
        _ user: UserInfo
    ) async throws(StatusError) -> APIResponse {
        let kind = resource.kind
        let deletion = try await self.api.delete(
            kind,
            namespace: resource.namespace,
            name: resource.name,
            as: user,
            options: try self.deleteOptions(request)
        )
        switch deletion {
        case .marked(let object): return try self.render(object, kind, request)
        case .removed(let object) where kind == .pods: return try self.render(object, kind, request)
        case .removed(let object):
            var details: JSONValue = [
                "name": .string(resource.name), "kind": .string(kind.plural), "uid": .string(object.uid),
            ]
            if !kind.group.isEmpty { details["group"] = .string(kind.group) }
            return APIResponse(json: [
                "kind": "Status", "apiVersion": "v1", "metadata": .object([:]), "status": "Success", "details": details,
            ])
        }
    }

    private func deleteCollection(
        _ resource: RequestInfo.Resource,
        _ request: APIRequest,
        _ user: UserInfo
    ) async throws(StatusError) -> APIResponse {
        let kind = resource.kind
        let options = try self.deleteOptions(request)
        let (labels, fields) = try self.selectors(resource, request)
        let (items, version) = self.api.store.list(kind, namespace: resource.namespace, labels: labels, fields: fields)
        for item in items {
            do throws(StatusError) {
                try await self.api.delete(kind, namespace: item.namespace, name: item.name, as: user, options: options)
            } catch  where error.code == 404 {
                continue
            }
        }
        return APIResponse(json: self.envelope(kind, items, ["resourceVersion": .string("\(version)")]))
    }

    // MARK: Lists

    private func selectors(
        _ resource: RequestInfo.Resource,
        _ request: APIRequest
    ) throws(StatusError) -> (LabelSelector, FieldSelector) {
        let labels = try LabelSelector(query: request.parameter("labelSelector") ?? "")
        if !resource.name.isEmpty { return (labels, FieldSelector(name: resource.name)) }
        return (labels, try FieldSelector(query: request.parameter("fieldSelector") ?? "", kind: resource.kind))
    }

    private func envelope(_ kind: ResourceKind, _ items: [JSONValue], _ metadata: JSONValue) -> JSONValue {
        [
            "kind": .string("\(kind.kind)List"), "apiVersion": .string(kind.apiVersion), "metadata": metadata,
            "items": .array(
                items.map { item in
                    // A list says once what its items are.
                    var item = item
                    item["kind"] = nil
                    item["apiVersion"] = nil
                    return item
                }
            ),
        ]
    }

    private func list(_ resource: RequestInfo.Resource, _ request: APIRequest) throws(StatusError) -> APIResponse {
        let kind = resource.kind
        let form = try self.accepted(request).form
        let (labels, fields) = try self.selectors(resource, request)
        var (items, version) = self.api.store.list(kind, namespace: resource.namespace, labels: labels, fields: fields)
        var metadata: JSONValue = [:]
        if let token = request.parameter("continue"), !token.isEmpty {
            guard let bytes = Base64.decode(token), let last = try? JSONValue.parse(bytes),
                let after = last["after"]?.array,
                after.count == 2, let started = last["version"]?.integer, let namespace = after[0].string,
                let name = after[1].string
            else { throw .badRequest("continue key is not valid") }
            version = UInt64(clamping: started)
            items = Array(items.drop { ($0.namespace, $0.name) <= (namespace, name) })
        }
        if let limit = request.parameter("limit").flatMap({ Int($0) }), limit > 0, items.count > limit {
            metadata["remainingItemCount"] = .integer(Int64(items.count - limit))
            items = Array(items.prefix(limit))
            let last = items[limit - 1]
            let token: JSONValue = [
                "version": .integer(Int64(clamping: version)), "after": [.string(last.namespace), .string(last.name)],
            ]
            metadata["continue"] = .string(Base64.encode(token.serialized(), urlSafe: true))
        }
        metadata["resourceVersion"] = .string("\(version)")
        switch form {
        case .table:
            return APIResponse(
                json: ResourceTable.make(kind, items, metadata: metadata, include: request.parameter("includeObject"))
            )
        case .partial:
            return APIResponse(json: [
                "kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "items": .array(items.map(ResourceTable.partial)),
            ])
        case .object, .discovery: return APIResponse(json: self.envelope(kind, items, metadata))
        }
    }

    // MARK: Watches

    private func watch(_ resource: RequestInfo.Resource, _ request: APIRequest) throws(StatusError) -> APIResponse {
        let kind = resource.kind
        let form = try self.accepted(request).form
        let include = request.parameter("includeObject")
        let (labels, fields) = try self.selectors(resource, request)
        let given = request.parameter("resourceVersion") ?? ""
        let initial = request.flag("sendInitialEvents")
        var since: UInt64?
        if !given.isEmpty, given != "0", !initial {
            guard let number = UInt64(given) else {
                throw .badRequest("resourceVersion: Invalid value: \"\(given)\": strconv.ParseUint: invalid syntax")
            }
            since = number
        }
        // A watcher that falls this far behind is cut off and comes back with a list.
        let (stream, continuation) = AsyncStream.makeStream(
            of: ByteBuffer.self,
            bufferingPolicy: .bufferingOldest(20_000)
        )
        let (subscription, version) = try self.api.store.subscribe(
            kind,
            namespace: resource.namespace,
            labels: labels,
            fields: fields,
            since: since
        ) { event in
            let line: [UInt8]
            switch form {
            case .object, .discovery: line = event.encoded
            case .partial: line = Self.line(event.change.rawValue, ResourceTable.partial(event.object))
            case .table:
                let metadata: JSONValue = ["resourceVersion": .string(event.object.resourceVersion)]
                let table = ResourceTable.make(kind, [event.object], metadata: metadata, include: include)
                line = Self.line(event.change.rawValue, table)
            }
            if case .dropped = continuation.yield(ByteBuffer(bytes: line)) { continuation.finish() }
        }
        let bookmarks = request.flag("allowWatchBookmarks")
        if initial { continuation.yield(ByteBuffer(bytes: Self.bookmark(kind, version, form, initialEnd: true))) }
        let asked = min(request.parameter("timeoutSeconds").flatMap { Int($0) } ?? 0, 86400)
        let faults = self.faults
        let bound = faults.plan.watchSeconds
        let most = asked > 0 ? asked : Int.random(in: 1800...3600)
        let deadline = ContinuousClock.now + .seconds(bound > 0 ? min(bound, most) : most)
        let number = faults.add(watch: continuation)
        let store = self.api.store
        let keeper = Task {
            while !Task.isCancelled {
                let next = min(deadline, ContinuousClock.now + .seconds(60))
                do { try await Task.sleep(until: next, clock: .continuous) } catch { break }
                if bookmarks {
                    // All events up to this version are in the stream already: sinks are called before it can be read.
                    continuation.yield(ByteBuffer(bytes: Self.bookmark(kind, store.version, form, initialEnd: false)))
                }
                if ContinuousClock.now >= deadline { break }
            }
            continuation.finish()
        }
        // Not at once: the reader's cancellation holds a lock of its task, which `yield` wants under the store's lock.
        continuation.onTermination = { _ in
            Task.detached {
                subscription.cancel()
                keeper.cancel()
                faults.forget(number)
            }
        }
        return APIResponse(contentType: "application/json", body: .stream(stream))
    }

    private static func line(_ type: String, _ object: JSONValue) -> [UInt8] {
        JSONValue.object(["type": .string(type), "object": object]).serialized() + [10]
    }

    private static func bookmark(
        _ kind: ResourceKind,
        _ version: UInt64,
        _ form: Accepted.Form,
        initialEnd: Bool
    ) -> [UInt8] {
        var metadata: JSONValue = ["resourceVersion": .string("\(version)"), "creationTimestamp": .null]
        if initialEnd { metadata["annotations"] = ["k8s.io/initial-events-end": "true"] }
        let plain: JSONValue = [
            "kind": .string(kind.kind), "apiVersion": .string(kind.apiVersion), "metadata": metadata,
        ]
        switch form {
        case .object, .discovery: return self.line("BOOKMARK", plain)
        case .partial: return self.line("BOOKMARK", ResourceTable.partial(plain))
        case .table:
            var table = ResourceTable.make(kind, [], metadata: ["resourceVersion": .string("\(version)")], include: nil)
            table["rows"] = [["cells": [], "object": ResourceTable.partial(plain)]]
            return self.line("BOOKMARK", table)
        }
    }
}
