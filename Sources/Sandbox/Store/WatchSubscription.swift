/// A watcher's place in the store; cancelled at the latest when let go of.
package final class WatchSubscription: Sendable {
    private let store: ObjectStore
    private let id: UInt64

    init(store: ObjectStore, id: UInt64) {
        self.store = store
        self.id = id
    }

    deinit { self.store.unsubscribe(self.id) }

    /// Ends it: the sink is not called any more once this returns.
    package func cancel() { self.store.unsubscribe(self.id) }
}
