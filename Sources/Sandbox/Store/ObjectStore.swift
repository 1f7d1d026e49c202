package import Cluster
import DequeModule
import Synchronization

/// The objects of the sandbox: what etcd and the API server's generic registry are to a real cluster.
///
/// It keeps objects as JSON by kind, namespace and name; gives them uid, resourceVersion, creationTimestamp and
/// generation; checks optimistic concurrency; holds deletion back for finalizers and for pods that still run; and tells
/// watchers every change in order. It knows nothing of admission, defaults or validation: that is ``ObjectAPI``'s, which
/// all but tests should use for creating and changing what users see.
///
/// Concurrency model: one mutex guards everything. Every call is synchronous and short. Sinks of watches are called
/// while it is held, in the order of changes; they must not call the store and must not wait.
package final class ObjectStore: Sendable {
    /// Which part of an object a change may touch.
    package enum Part: Sendable {
        /// All but the status of kinds whose status is a subresource.
        case main
        /// Nothing but the status.
        case status
        /// Everything but identity.
        case whole
    }

    /// What a deletion came to.
    package enum Deletion: Sendable {
        /// The object is gone; this was its last form.
        case removed(JSONValue)
        /// The object has a deletionTimestamp and waits for finalizers, its node or its namespace.
        case marked(JSONValue)

        /// The object as it was last or is now.
        package var object: JSONValue {
            switch self {
            case .removed(let object), .marked(let object): object
            }
        }
    }

    struct Key: Hashable {
        let namespace: String
        let name: String
    }

    struct Watcher {
        let namespace: String?
        let labels: LabelSelector
        let fields: FieldSelector
        let sink: @Sendable (WatchEvent) -> Void
    }

    struct State {
        var objects: [ResourceKind: [Key: JSONValue]] = [:]
        var version: UInt64 = 1
        var history: Deque<WatchEvent> = []
        /// The newest version whose event is forgotten.
        var forgotten: UInt64 = 1
        var watchers: [ResourceKind: [UInt64: Watcher]] = [:]
        var nextWatcher: UInt64 = 0
    }

    let state = Mutex(State())
    /// How many events are remembered for watches that begin in the past.
    private let historyLimit: Int

    /// An empty store.
    ///
    /// `history` is how many events are remembered; a watch from before them gets 410.
    package init(history: Int = 8192) {
        self.historyLimit = history
    }

    // MARK: Reading

    /// The version of the newest change.
    package var version: UInt64 { self.state.withLock { $0.version } }

    /// An object, if it exists.
    package func find(_ kind: ResourceKind, namespace: String = "", name: String) -> JSONValue? {
        self.state.withLock { $0.objects[kind]?[Key(namespace: kind.namespaced ? namespace : "", name: name)] }
    }

    /// An object; 404 when there is none.
    package func get(_ kind: ResourceKind, namespace: String = "", name: String) throws(StatusError) -> JSONValue {
        guard let object = self.find(kind, namespace: namespace, name: name) else { throw .notFound(kind, name) }
        return object
    }

    /// Objects in order of namespace and name, with the version that the list is of.
    ///
    /// A nil or empty namespace means all.
    package func list(
        _ kind: ResourceKind,
        namespace: String? = nil,
        labels: LabelSelector = .everything,
        fields: FieldSelector = .everything
    ) -> (items: [JSONValue], version: UInt64) {
        let (objects, version) = self.state.withLock { ($0.objects[kind] ?? [:], $0.version) }
        let wanted = objects.filter { key, object in
            (namespace ?? "").isEmpty || !kind.namespaced || key.namespace == namespace
        }
        let sorted = wanted.sorted { ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name) }
        return (sorted.map(\.value).filter { labels.matches($0) && fields.matches($0) }, version)
    }

    /// Only the objects of a ``list(_:namespace:labels:fields:)``.
    package func items(
        _ kind: ResourceKind,
        namespace: String? = nil,
        labels: LabelSelector = .everything
    ) -> [JSONValue] {
        self.list(kind, namespace: namespace, labels: labels).items
    }

    // MARK: Changing

    /// Adds an object: gives it identity and tells watchers.
    ///
    /// `metadata.generateName` is completed to a free name when there is no name.
    /// Fails with 409 when the name is taken, 404 when its namespace does not exist, 403 when that is ending.
    @discardableResult
    package func create(
        _ kind: ResourceKind,
        _ object: JSONValue,
        namespace: String = "",
        dryRun: Bool = false
    ) throws(StatusError) -> JSONValue {
        try self.state.withLock { state throws(StatusError) in
            var object = object
            let namespace = kind.namespaced ? (namespace.isEmpty ? object.namespace : namespace) : ""
            if kind.namespaced, kind != .namespaces {
                guard let parent = state.objects[.namespaces]?[Key(namespace: "", name: namespace)] else {
                    throw .notFound(.namespaces, namespace)
                }
                if parent.isTerminating {
                    throw .forbidden(
                        "\(kind.qualifiedName) \"\(object.name)\" is forbidden: unable to create new content in "
                            + "namespace \(namespace) because it is being terminated",
                        kind: kind,
                        name: object.name
                    )
                }
            }
            var name = object.name
            if name.isEmpty, let prefix = object.at("metadata", "generateName")?.string {
                repeat {
                    name = prefix.prefix(58) + Identifiers.suffix()
                } while state.objects[kind]?[Key(namespace: namespace, name: name)] != nil
            }
            let key = Key(namespace: namespace, name: name)
            guard state.objects[kind]?[key] == nil else { throw .alreadyExists(kind, name) }
            var metadata = object.at("metadata")?.object ?? [:]
            metadata["name"] = .string(name)
            metadata["namespace"] = kind.namespaced ? .string(namespace) : nil
            metadata["uid"] = .string(Identifiers.uid())
            metadata["creationTimestamp"] = .string(Timestamp.now())
            metadata["generation"] = kind.counted ? .integer(1) : nil
            for ignored in ["deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "resourceVersion"] {
                metadata[ignored] = nil
            }
            object["metadata"] = .object(metadata)
            object["apiVersion"] = .string(kind.apiVersion)
            object["kind"] = .string(kind.kind)
            if dryRun { return object }
            return self.commit(.added, kind, key, object, nil, &state)
        }
    }

    /// Changes an object: reads it, has it changed, checks and writes it as one step.
    ///
    /// `change` makes the new form of the object and is called while the store is locked; a resourceVersion that it
    /// leaves must be the present one; `part` says what of its result is taken over. Comes back with the object as it
    /// is now, or as it was last when its last finalizer went. Fails with 404, 409 and what `change` throws.
    @discardableResult
    package func update(
        _ kind: ResourceKind,
        namespace: String = "",
        name: String,
        part: Part = .main,
        dryRun: Bool = false,
        _ change: (JSONValue) throws(StatusError) -> JSONValue
    ) throws(StatusError) -> JSONValue {
        try self.state.withLock { state throws(StatusError) in
            let key = Key(namespace: kind.namespaced ? namespace : "", name: name)
            guard let old = state.objects[kind]?[key] else { throw .notFound(kind, name) }
            let changed = try change(old)
            let expected = changed.resourceVersion
            guard expected.isEmpty || expected == "0" || expected == old.resourceVersion else {
                throw .conflict(kind, name)
            }
            let uid = changed.uid
            guard uid.isEmpty || uid == old.uid else {
                throw .conflict(
                    kind,
                    name,
                    "Precondition failed: UID in precondition: \(uid), UID in object meta: \(old.uid)"
                )
            }
            var new = Self.merge(kind, old: old, changed: changed, part: part)
            if new == old { return old }
            if kind.counted, Self.differsInSpec(old, new) {
                new.set("metadata", "generation", to: .integer(old.generation + 1))
            }
            if dryRun { return new }
            if old.isTerminating, Self.mayGo(kind, new) {
                return self.commit(.deleted, kind, key, new, old, &state)
            }
            return self.commit(.modified, kind, key, new, old, &state)
        }
    }

    /// Deletes an object, or marks it when finalizers, a node or a namespace's contents hold it.
    ///
    /// A pod on a node is marked until it is deleted with a grace period of 0, which is the node's to do.
    /// Fails with 404, and with 409 for preconditions.
    @discardableResult
    package func delete(
        _ kind: ResourceKind,
        namespace: String = "",
        name: String,
        options: DeleteOptions = DeleteOptions()
    ) throws(StatusError) -> Deletion {
        try self.state.withLock { state throws(StatusError) in
            let key = Key(namespace: kind.namespaced ? namespace : "", name: name)
            guard let old = state.objects[kind]?[key] else { throw .notFound(kind, name) }
            if let uid = options.uid, uid != old.uid {
                throw .conflict(
                    kind,
                    name,
                    "Precondition failed: UID in precondition: \(uid), UID in object meta: \(old.uid)"
                )
            }
            if let version = options.resourceVersion, version != old.resourceVersion {
                throw .conflict(
                    kind,
                    name,
                    "Precondition failed: ResourceVersion in precondition: \(version), "
                        + "ResourceVersion in object meta: \(old.resourceVersion)"
                )
            }
            var object = old
            var finalizers = old.finalizers
            switch options.propagation {
            case .foreground where !finalizers.contains("foregroundDeletion"): finalizers.append("foregroundDeletion")
            case .orphan where !finalizers.contains("orphan"): finalizers.append("orphan")
            default: break
            }
            if finalizers != old.finalizers, !old.isTerminating {
                object.set("metadata", "finalizers", to: .array(finalizers.map { .string($0) }))
            }
            var grace: Int64 = 0
            if kind == .pods, object.at("spec", "nodeName")?.string?.isEmpty == false,
                !["Succeeded", "Failed"].contains(object.at("status", "phase")?.string ?? "")
            {
                grace = options.gracePeriod ?? object.at("spec", "terminationGracePeriodSeconds")?.integer ?? 30
                // A year is as good as for ever, and can be added to any moment.
                grace = min(max(0, grace), 31_536_000)
                if let given = old.at("metadata", "deletionGracePeriodSeconds")?.integer { grace = min(grace, given) }
            }
            if kind == .namespaces { object.set("status", "phase", to: .string("Terminating")) }
            if !old.isTerminating || old.at("metadata", "deletionGracePeriodSeconds")?.integer != grace {
                object.set("metadata", "deletionGracePeriodSeconds", to: .integer(grace))
                object.set(
                    "metadata",
                    "deletionTimestamp",
                    to: .string(Timestamp.text(seconds: Timestamp.seconds() + grace))
                )
                if kind.counted, !old.isTerminating {
                    object.set("metadata", "generation", to: .integer(old.generation + 1))
                }
            }
            if Self.mayGo(kind, object) {
                if options.dryRun { return .removed(object) }
                return .removed(self.commit(.deleted, kind, key, old, old, &state))
            }
            if options.dryRun || object == old { return .marked(object) }
            return .marked(self.commit(.modified, kind, key, object, old, &state))
        }
    }

    // MARK: Rules

    /// Whether nothing holds a marked object any more.
    private static func mayGo(_ kind: ResourceKind, _ object: JSONValue) -> Bool {
        guard object.isTerminating, object.finalizers.isEmpty else { return false }
        if kind == .namespaces { return (object.at("spec", "finalizers")?.array ?? []).isEmpty }
        return (object.at("metadata", "deletionGracePeriodSeconds")?.integer ?? 0) == 0
    }

    /// Takes from the changed object what the part permits, and keeps identity.
    private static func merge(_ kind: ResourceKind, old: JSONValue, changed: JSONValue, part: Part) -> JSONValue {
        var new: JSONValue
        switch part {
        case .main:
            new = changed
            if kind.hasStatus { new["status"] = old["status"] }
        case .status:
            new = old
            new["status"] = changed["status"]
            new.set("metadata", "managedFields", to: changed.at("metadata", "managedFields"))
        case .whole:
            new = changed
        }
        for field in [
            "name", "namespace", "uid", "creationTimestamp", "generation", "resourceVersion", "deletionTimestamp",
            "deletionGracePeriodSeconds", "generateName",
        ] {
            let kept = old.at("metadata", field)
            if new.at("metadata", field) != kept { new.set("metadata", field, to: kept) }
        }
        new["apiVersion"] = .string(kind.apiVersion)
        new["kind"] = .string(kind.kind)
        return new
    }

    private static func differsInSpec(_ old: JSONValue, _ new: JSONValue) -> Bool {
        var left = old.object ?? [:]
        var right = new.object ?? [:]
        for key in ["metadata", "status"] {
            left[key] = nil
            right[key] = nil
        }
        return left != right
    }

    /// Writes a change, remembers it and tells those who watch.
    private func commit(
        _ change: WatchEvent.Change,
        _ kind: ResourceKind,
        _ key: Key,
        _ object: JSONValue,
        _ previous: JSONValue?,
        _ state: inout State
    ) -> JSONValue {
        state.version += 1
        var object = object
        object.set("metadata", "resourceVersion", to: .string(String(state.version)))
        state.objects[kind, default: [:]][key] = change == .deleted ? nil : object
        let event = WatchEvent(change: change, kind: kind, object: object, previous: previous, version: state.version)
        state.history.append(event)
        if state.history.count > self.historyLimit {
            let dropped = state.history.removeFirst()
            state.forgotten = dropped.version
        }
        for watcher in (state.watchers[kind] ?? [:]).values {
            if let seen = Self.view(of: event, by: watcher) { watcher.sink(seen) }
        }
        return object
    }
}
