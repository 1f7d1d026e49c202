import DequeModule
import Synchronization

extension ObjectStore {
    /// Calls a sink with every change of a kind, in order.
    ///
    /// `since` is the version after which changes are told; nil begins with an `added` for each object that exists.
    /// The sink is called while the store is locked: it must not call the store and must not wait. Comes back with the
    /// subscription, which the caller has to keep, and the version up to which the sink has been told. Fails with 410
    /// when changes after `since` are forgotten already.
    package func subscribe(
        _ kind: ResourceKind,
        namespace: String? = nil,
        labels: LabelSelector = .everything,
        fields: FieldSelector = .everything,
        since: UInt64? = nil,
        _ sink: @escaping @Sendable (WatchEvent) -> Void
    ) throws(StatusError) -> (subscription: WatchSubscription, version: UInt64) {
        let namespace = kind.namespaced && namespace?.isEmpty == false ? namespace : nil
        let watcher = Watcher(namespace: namespace, labels: labels, fields: fields, sink: sink)
        let (id, version) = try self.state.withLock { state throws(StatusError) -> (UInt64, UInt64) in
            if let since {
                guard since >= state.forgotten else {
                    throw .expired("too old resource version: \(since) (\(state.forgotten))")
                }
                for event in state.history where event.version > since && event.kind == kind {
                    if let seen = Self.view(of: event, by: watcher) { sink(seen) }
                }
            } else {
                let present = (state.objects[kind] ?? [:]).sorted {
                    ($0.key.namespace, $0.key.name) < ($1.key.namespace, $1.key.name)
                }
                for (_, object) in present {
                    let event = WatchEvent(
                        change: .added,
                        kind: kind,
                        object: object,
                        previous: nil,
                        version: UInt64(object.resourceVersion) ?? state.version
                    )
                    if let seen = Self.view(of: event, by: watcher) { sink(seen) }
                }
            }
            state.nextWatcher += 1
            state.watchers[kind, default: [:]][state.nextWatcher] = watcher
            return (state.nextWatcher, state.version)
        }
        return (WatchSubscription(store: self, id: id), version)
    }

    /// The changes of a kind as a sequence: first an `added` for each object that exists, then what happens.
    ///
    /// For users in this process. The sequence buffers without limit and ends when its reader's task is cancelled.
    package func watch(
        _ kind: ResourceKind,
        namespace: String? = nil,
        labels: LabelSelector = .everything,
        fields: FieldSelector = .everything
    ) -> AsyncStream<WatchEvent> {
        let (stream, continuation) = AsyncStream.makeStream(of: WatchEvent.self)
        do throws(StatusError) {
            let (subscription, _) = try self.subscribe(kind, namespace: namespace, labels: labels, fields: fields) {
                continuation.yield($0)
            }
            // Not at once: the reader's cancellation holds a lock of its task, which `yield` wants under the store's lock.
            continuation.onTermination = { _ in Task.detached { subscription.cancel() } }
        } catch {
            // Only a watch from the past can be refused.
            continuation.finish()
        }
        return stream
    }

    func unsubscribe(_ id: UInt64) {
        // What the sink holds is let go of outside the lock: it may hold the last reference to a subscription.
        let removed = self.state.withLock { state -> Watcher? in
            for kind in state.watchers.keys {
                if let watcher = state.watchers[kind]?.removeValue(forKey: id) { return watcher }
            }
            return nil
        }
        withExtendedLifetime(removed) {}
    }

    /// The event as a watcher sees it: an object that enters its selection is added, one that leaves it deleted.
    static func view(of event: WatchEvent, by watcher: Watcher) -> WatchEvent? {
        if let namespace = watcher.namespace, event.object.namespace != namespace { return nil }
        if watcher.labels == .everything, watcher.fields == .everything { return event }
        let matches = watcher.labels.matches(event.object) && watcher.fields.matches(event.object)
        guard let previous = event.previous else { return matches ? event : nil }
        let matched = watcher.labels.matches(previous) && watcher.fields.matches(previous)
        switch (matched, matches, event.change) {
        case (true, _, .deleted): return event
        case (false, _, .deleted): return nil
        case (true, true, _): return event
        case (true, false, _): return event.seen(as: .deleted)
        case (false, true, _): return event.seen(as: .added)
        case (false, false, _): return nil
        }
    }
}
