import Cluster
import Synchronization

/// Names one object of a kind.
struct ObjectKey: Hashable, Sendable {
    var namespace: String
    var name: String

    init(namespace: String, name: String) {
        self.namespace = namespace
        self.name = name
    }

    /// The key of an object.
    init(_ object: JSONValue) {
        self.init(namespace: object.namespace, name: object.name)
    }
}

/// What every controller is: a queue of keys, filled by watches, emptied by one task that makes each key right.
///
/// Concurrency model: watches add keys from under the store's lock; one task takes them, one at a time, so that a controller never
/// meets itself. A key that is queued already is not queued twice; one whose work failed comes back a little later.
final class ControllerLoop: Sendable {
    private let name: String
    private let store: ObjectStore
    private let pending = Mutex<Set<ObjectKey>>([])
    private let keys: AsyncStream<ObjectKey>
    private let input: AsyncStream<ObjectKey>.Continuation
    private let subscriptions = Mutex<[WatchSubscription]>([])

    init(_ name: String, store: ObjectStore) {
        self.name = name
        self.store = store
        (self.keys, self.input) = AsyncStream.makeStream(of: ObjectKey.self)
    }

    /// Queues a key.
    func add(_ key: ObjectKey) {
        if self.pending.withLock({ $0.insert(key).inserted }) { self.input.yield(key) }
    }

    /// Queues a key after some time.
    func add(_ key: ObjectKey, after delay: Duration) {
        Task {
            try? await Task.sleep(for: delay)
            self.add(key)
        }
    }

    /// Queues what `keys` makes of every change of a kind, beginning with what exists.
    func watch(_ kind: ResourceKind, _ keys: @escaping @Sendable (WatchEvent) -> [ObjectKey]) {
        let subscribed = try? self.store.subscribe(kind) { [weak self] event in
            for key in keys(event) { self?.add(key) }
        }
        if let subscribed { self.subscriptions.withLock { $0.append(subscribed.subscription) } }
    }

    /// Queues the objects of a kind themselves.
    func watchOwn(_ kind: ResourceKind) {
        self.watch(kind) { [ObjectKey($0.object)] }
    }

    /// Queues the controller of every object of a kind that changes, if it is of the kind given.
    func watchOwned(_ kind: ResourceKind, by owner: ResourceKind) {
        self.watch(kind) { event in
            [event.object, event.previous].compactMap { $0?.controller }.filter { $0["kind"]?.string == owner.kind }
                .compactMap { $0["name"]?.string.map { ObjectKey(namespace: event.object.namespace, name: $0) } }
        }
    }

    /// Works until its task is cancelled.
    func run(_ reconcile: @Sendable (ObjectKey) async throws(StatusError) -> Void) async {
        for await key in self.keys {
            _ = self.pending.withLock { $0.remove(key) }
            do throws(StatusError) {
                try await reconcile(key)
            } catch {
                // Overtaken by another change: at once; all else is given time to change.
                self.add(key, after: error.code == 409 ? .milliseconds(5) : .milliseconds(500))
            }
        }
    }
}
