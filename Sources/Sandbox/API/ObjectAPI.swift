package import Cluster
import Synchronization

/// Everything between a request and the store: defaults, admission, validation, allocation, ownership of fields.
///
/// The API server's requests and the sandbox's own controllers both go through here, so that both get the same pods.
/// Safe to use from anywhere; a call waits only for webhooks.
package final class ObjectAPI: Sendable {
    /// The objects.
    package let store: ObjectStore
    /// Tokens of service accounts, and static ones.
    package let tokens: TokenIssuer
    /// The cluster's own authority in PEM, as pods see it.
    package let authorityPEM: [UInt8]
    let allocator: ServiceAllocator
    let webhooks: WebhookAdmission
    /// Held while a Service gets its addresses and is written.
    private let allocation = Mutex<Void>(())

    /// An API over a store; `serviceSubnet` is an IPv4 prefix of 8 to 30 bits, which falls back to 10.96.0.0/16.
    package init(
        store: ObjectStore,
        access: NodeAccess,
        authorityPEM: [UInt8],
        serviceSubnet: String = "10.96.0.0/16"
    ) {
        self.store = store
        self.authorityPEM = authorityPEM
        self.tokens = TokenIssuer(store: store)
        self.allocator = ServiceAllocator(serviceSubnet) ?? ServiceAllocator(base: 10 << 24 | 96 << 16, length: 16)
        self.webhooks = WebhookAdmission(store: store, client: WebhookClient(access: access))
    }

    // MARK: Create

    /// Creates an object.
    ///
    /// Fails with what the store, validation or a webhook say.
    @discardableResult
    package func create(
        _ kind: ResourceKind,
        _ object: JSONValue,
        namespace: String = "",
        as user: UserInfo = .system,
        options: WriteOptions = WriteOptions()
    ) async throws(StatusError) -> JSONValue {
        let namespace = try Self.place(kind, object, namespace)
        var object = object
        if kind.namespaced {
            object.set("metadata", "namespace", to: .string(namespace))
            if self.store.find(.namespaces, name: namespace) == nil { throw .notFound(.namespaces, namespace) }
        }
        if kind.hasStatus, kind != .namespaces { object["status"] = nil }
        object = try self.admit(kind, Defaults.apply(kind, object), namespace: namespace)
        let changed = try await self.webhooks.mutate(
            WebhookAdmission.Attempt(
                kind: kind,
                operation: "CREATE",
                namespace: namespace,
                name: object.name,
                object: object,
                old: nil,
                user: user,
                dryRun: options.dryRun
            )
        )
        if let changed, changed != object {
            object = try self.admit(kind, Defaults.apply(kind, changed), namespace: namespace)
        }
        try Validation.check(kind, object)
        if kind == .pods {
            let place = self.store.find(.namespaces, name: namespace)
            try PodSecurity.check(object, namespace: place)
            try LimitRanges.check(object, ranges: self.store.items(.limitRanges, namespace: namespace))
        }
        try ResourceQuotas.check(kind, object, namespace: namespace, store: self.store)
        object.set("metadata", "managedFields", to: object.at("metadata", "managedFields"))
        self.note(nil, &object, kind, options, subresource: "")
        if kind == .jobs { object = Self.jobLabels(object) }
        let created = try self.write(kind, object, namespace: namespace, dryRun: options.dryRun)
        if kind == .namespaces, !options.dryRun { self.furnish(namespace: created.name) }
        return created
    }

    private func write(
        _ kind: ResourceKind,
        _ object: JSONValue,
        namespace: String,
        dryRun: Bool
    ) throws(StatusError) -> JSONValue {
        guard kind == .services else {
            return try self.store.create(kind, object, namespace: namespace, dryRun: dryRun)
        }
        return try self.allocation.withLock { _ throws(StatusError) in
            let service = try self.allocator.allocate(object, old: nil, others: self.store.items(.services))
            return try self.store.create(kind, service, namespace: namespace, dryRun: dryRun)
        }
    }

    /// What every namespace has: the default account, and the cluster's authority.
    private func furnish(namespace: String) {
        // Whichever exists already stays.
        _ = try? self.store.create(
            .serviceAccounts,
            ["metadata": ["name": "default"]],
            namespace: namespace
        )
        _ = try? self.store.create(
            .configMaps,
            [
                "metadata": ["name": "kube-root-ca.crt"],
                "data": ["ca.crt": .string(String(decoding: self.authorityPEM, as: UTF8.self))],
            ],
            namespace: namespace
        )
    }

    /// Built-in admission.
    private func admit(_ kind: ResourceKind, _ object: JSONValue, namespace: String) throws(StatusError) -> JSONValue {
        guard kind == .pods else { return object }
        let limited = LimitRanges.apply(object, ranges: self.store.items(.limitRanges, namespace: namespace))
        return try ServiceAccountAdmission.apply(limited, namespace: namespace, store: self.store)
    }

    private static func place(
        _ kind: ResourceKind,
        _ object: JSONValue,
        _ namespace: String
    ) throws(StatusError) -> String {
        guard case .object = object else { throw .badRequest("the object provided is unrecognized") }
        if let version = object["apiVersion"]?.string, version != kind.apiVersion {
            throw .badRequest(
                "the API version in the data (\(version)) does not match the expected API version (\(kind.apiVersion))"
            )
        }
        if let name = object["kind"]?.string, name != kind.kind {
            throw .badRequest("\(name) in version \"\(kind.version)\" cannot be handled as a \(kind.kind)")
        }
        guard kind.namespaced else { return "" }
        let own = object.namespace
        let wanted = namespace.isEmpty ? (own.isEmpty ? "default" : own) : namespace
        guard own.isEmpty || own == wanted else {
            throw .badRequest("the namespace of the provided object does not match the namespace sent on the request")
        }
        return wanted
    }

    /// A job finds its pods by its uid, which the labels of the template carry; the store has not given it yet, so the
    /// name stands in.
    private static func jobLabels(_ object: JSONValue) -> JSONValue {
        var job = object
        guard job.at("spec", "manualSelector")?.bool != true, job.at("spec", "selector") == nil else { return job }
        let id = JSONValue.string(Identifiers.uid())
        for key in ["batch.kubernetes.io/controller-uid", "controller-uid"] {
            job.set("spec", "template", "metadata", "labels", key, to: id)
        }
        for key in ["batch.kubernetes.io/job-name", "job-name"] {
            job.set("spec", "template", "metadata", "labels", key, to: .string(job.name))
        }
        job.set("spec", "selector", to: ["matchLabels": ["batch.kubernetes.io/controller-uid": id]])
        return job
    }

    // MARK: Change

    /// Replaces an object; a resourceVersion that it carries must be the present one.
    @discardableResult
    package func update(
        _ kind: ResourceKind,
        _ object: JSONValue,
        namespace: String = "",
        name: String? = nil,
        part: ObjectStore.Part = .main,
        as user: UserInfo = .system,
        options: WriteOptions = WriteOptions()
    ) async throws(StatusError) -> JSONValue {
        let namespace = try Self.place(kind, object, namespace)
        let name = name ?? object.name
        guard object.name == name else {
            throw .badRequest("the name of the object (\(object.name)) does not match the name on the URL (\(name))")
        }
        return try await self.modify(kind, namespace: namespace, name: name, part: part, as: user, options: options) {
            _ throws(StatusError) in object
        }
    }

    /// Changes the object with a patch; an apply creates it when it is not there.
    ///
    /// `created` in the result says whether it did.
    @discardableResult
    package func patch(
        _ kind: ResourceKind,
        _ patch: PatchBody,
        namespace: String = "",
        name: String,
        part: ObjectStore.Part = .main,
        as user: UserInfo = .system,
        options: WriteOptions = WriteOptions()
    ) async throws(StatusError) -> (object: JSONValue, created: Bool) {
        guard case .apply(let configuration) = patch else {
            let object = try await self.modify(
                kind,
                namespace: namespace,
                name: name,
                part: part,
                as: user,
                options: options
            ) { old throws(StatusError) in try patch.applied(to: old, kind: kind) }
            return (object, false)
        }
        _ = try Self.place(kind, configuration, namespace)
        if part == .main, self.store.find(kind, namespace: namespace, name: name) == nil {
            var object = try ServerSideApply.apply(
                configuration,
                to: nil,
                kind: kind,
                manager: options.fieldManager,
                force: options.force
            )
            object.set("metadata", "name", to: .string(name))
            var quiet = options
            quiet.fieldManager = ""
            return (try await self.create(kind, object, namespace: namespace, as: user, options: quiet), true)
        }
        var quiet = options
        quiet.fieldManager = ""
        let object = try await self.modify(kind, namespace: namespace, name: name, part: part, as: user, options: quiet)
        {
            old throws(StatusError) in
            var applied = try ServerSideApply.apply(
                configuration,
                to: old,
                kind: kind,
                manager: options.fieldManager,
                force: options.force
            )
            applied.set("metadata", "name", to: .string(name))
            applied["apiVersion"] = .string(kind.apiVersion)
            applied["kind"] = .string(kind.kind)
            return applied
        }
        return (object, false)
    }

    /// Changes an object by a function of its present form, with defaults, admission and validation.
    ///
    /// The function may be called again when others change the object meanwhile.
    @discardableResult
    package func modify(
        _ kind: ResourceKind,
        namespace: String = "",
        name: String,
        part: ObjectStore.Part = .main,
        as user: UserInfo = .system,
        options: WriteOptions = WriteOptions(),
        _ change: @Sendable (JSONValue) throws(StatusError) -> JSONValue
    ) async throws(StatusError) -> JSONValue {
        for _ in 0..<16 {
            let old = try self.store.get(kind, namespace: namespace, name: name)
            var new = try change(old)
            let expected = new.resourceVersion
            guard expected.isEmpty || expected == "0" || expected == old.resourceVersion else {
                throw .conflict(kind, name)
            }
            if part == .status {
                guard kind.hasStatus || kind == .namespaces else { throw .noSuchResource }
                self.note(old, &new, kind, options, subresource: "status")
            } else {
                if kind.hasStatus { new["status"] = old["status"] }
                new = Defaults.apply(kind, new)
                let admitted = try await self.webhooks.mutate(
                    WebhookAdmission.Attempt(
                        kind: kind,
                        operation: "UPDATE",
                        namespace: namespace,
                        name: name,
                        object: new,
                        old: old,
                        user: user,
                        dryRun: options.dryRun
                    )
                )
                if let admitted, admitted != new { new = Defaults.apply(kind, admitted) }
                if new.name.isEmpty { new.set("metadata", "name", to: .string(name)) }
                guard new.name == name else {
                    throw .invalid(
                        kind,
                        name,
                        [
                            .init(
                                reason: "FieldValueInvalid",
                                message: "Invalid value: \"\(new.name)\": field is immutable",
                                field: "metadata.name"
                            )
                        ]
                    )
                }
                if kind == .services { new = ServiceAllocator.carry(from: old, to: new) }
                try Validation.check(kind, new, old: old)
                self.note(old, &new, kind, options, subresource: "")
            }
            new.set("metadata", "resourceVersion", to: .string(old.resourceVersion))
            do throws(StatusError) {
                return try self.replace(kind, new, old: old, namespace: namespace, name: name, part, options.dryRun)
            } catch {
                // Somebody was faster: begin again from what they left.
                if error.code == 409, self.store.find(kind, namespace: namespace, name: name) != nil { continue }
                throw error
            }
        }
        throw .conflict(kind, name)
    }

    private func replace(
        _ kind: ResourceKind,
        _ new: JSONValue,
        old: JSONValue,
        namespace: String,
        name: String,
        _ part: ObjectStore.Part,
        _ dryRun: Bool
    ) throws(StatusError) -> JSONValue {
        guard kind == .services, part == .main else {
            return try self.store.update(kind, namespace: namespace, name: name, part: part, dryRun: dryRun) {
                _ throws(StatusError) in new
            }
        }
        return try self.allocation.withLock { _ throws(StatusError) in
            let others = self.store.items(.services).filter { $0.uid != old.uid }
            let service = try self.allocator.allocate(new, old: old, others: others)
            return try self.store.update(kind, namespace: namespace, name: name, part: part, dryRun: dryRun) {
                _ throws(StatusError) in service
            }
        }
    }

    private func note(
        _ old: JSONValue?,
        _ new: inout JSONValue,
        _ kind: ResourceKind,
        _ options: WriteOptions,
        subresource: String
    ) {
        guard !options.fieldManager.isEmpty else { return }
        var fields = ManagedFields(old)
        var before = old
        var after = new
        if subresource == "status" {
            before = old.map { ["status": $0["status"] ?? .object([:])] }
            after = ["status": new["status"] ?? .object([:])]
        } else if kind.hasStatus {
            before?["status"] = nil
            after["status"] = nil
        }
        fields.note(
            from: before,
            to: after,
            manager: options.fieldManager,
            subresource: subresource,
            apiVersion: kind.apiVersion
        )
        new.set("metadata", "managedFields", to: fields.json)
    }

    // MARK: Delete

    /// Deletes an object; what holds it back is the store's to say.
    @discardableResult
    package func delete(
        _ kind: ResourceKind,
        namespace: String = "",
        name: String,
        as user: UserInfo = .system,
        options: DeleteOptions = DeleteOptions()
    ) async throws(StatusError) -> ObjectStore.Deletion {
        let old = try self.store.get(kind, namespace: namespace, name: name)
        if kind == .namespaces, ["default", "kube-system", "kube-public"].contains(name) {
            throw .forbidden(
                "namespaces \"\(name)\" is forbidden: this namespace may not be deleted",
                kind: kind,
                name: name
            )
        }
        _ = try await self.webhooks.mutate(
            WebhookAdmission.Attempt(
                kind: kind,
                operation: "DELETE",
                namespace: namespace,
                name: name,
                object: nil,
                old: old,
                user: user,
                dryRun: options.dryRun
            )
        )
        let deletion = try self.store.delete(kind, namespace: namespace, name: name, options: options)
        // What every namespace has comes back, as its controllers would see to it.
        if case .removed = deletion, [.configMaps, .serviceAccounts].contains(kind), !options.dryRun,
            self.store.find(.namespaces, name: namespace)?.isTerminating == false
        {
            self.furnish(namespace: namespace)
        }
        return deletion
    }

    /// Takes a namespace's finalizer away, so that it goes; its controller calls this once the namespace is empty.
    package func finalize(namespace: String) throws(StatusError) {
        try self.store.update(.namespaces, name: namespace, part: .whole) { old throws(StatusError) in
            var object = old
            object.set("spec", "finalizers", to: .array([]))
            return object
        }
    }
}
