package import Cluster
import Synchronization

/// Writes Events about objects; the same event again counts up the first.
package final class EventRecorder: Sendable {
    private struct Key: Hashable {
        let uid: String
        let reason: String
        let message: String
    }

    private let store: ObjectStore
    private let component: String
    private let names = Mutex<[Key: String]>([:])

    /// Events from a component such as `kubelet`.
    package init(store: ObjectStore, component: String) {
        self.store = store
        self.component = component
    }

    /// Records what happened to an object; `field` says which part of it, such as `spec.containers{app}`.
    package func record(
        _ object: JSONValue,
        _ reason: String,
        _ message: String,
        warning: Bool = false,
        field: String? = nil
    ) {
        let key = Key(uid: object.uid + (field ?? ""), reason: reason, message: message)
        let namespace = object.namespace.isEmpty ? "default" : object.namespace
        let now = JSONValue.string(Timestamp.now())
        if let name = self.names.withLock({ $0[key] }) {
            let counted = try? self.store.update(.events, namespace: namespace, name: name) { event in
                var event = event
                event["count"] = .integer((event["count"]?.integer ?? 1) + 1)
                event["lastTimestamp"] = now
                return event
            }
            if counted != nil { return }
        }
        let name = "\(object.name).\(Identifiers.suffix(length: 16))"
        var involved: JSONValue = [
            "kind": object["kind"] ?? "", "apiVersion": object["apiVersion"] ?? "", "name": .string(object.name),
            "uid": .string(object.uid), "resourceVersion": .string(object.resourceVersion),
        ]
        if !object.namespace.isEmpty { involved["namespace"] = .string(namespace) }
        if let field { involved["fieldPath"] = .string(field) }
        let event: JSONValue = [
            "metadata": ["name": .string(name), "namespace": .string(namespace)],
            "involvedObject": involved, "reason": .string(reason), "message": .string(message),
            "type": warning ? "Warning" : "Normal", "count": 1, "firstTimestamp": now, "lastTimestamp": now,
            "source": ["component": .string(self.component), "host": .string(NodeContext.nodeName)],
            "reportingComponent": .string(self.component), "reportingInstance": .string(NodeContext.nodeName),
            "eventTime": .null,
        ]
        // In a namespace that is going there is nobody to tell.
        guard (try? self.store.create(.events, event, namespace: namespace)) != nil else { return }
        self.names.withLock { names in
            if names.count > 4096 { names = [:] }
            names[key] = name
        }
    }
}
