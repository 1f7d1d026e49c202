import Cluster
import TestSupport
import Testing

@testable import Sandbox

@Suite struct ObjectStoreTests {
    private func store(history: Int = 100) throws -> ObjectStore {
        let store = ObjectStore(history: history)
        try store.create(.namespaces, ["metadata": ["name": "default"]])
        return store
    }

    private func map(_ name: String, labels: [String: String] = [:]) -> JSONValue {
        ["metadata": ["name": .string(name), "labels": JSONValue(stringMap: labels)]]
    }

    @Test("gives identity, and refuses a second object of the name") func create() throws {
        let store = try self.store()
        let made = try store.create(.configMaps, self.map("a"), namespace: "default")
        #expect(made.uid.count == 36 && !made.resourceVersion.isEmpty && made["kind"] == "ConfigMap")
        #expect(throws: StatusError.self) { try store.create(.configMaps, self.map("a"), namespace: "default") }
        #expect(throws: StatusError.self) { try store.create(.configMaps, self.map("a"), namespace: "nowhere") }
        let named = try store.create(.configMaps, ["metadata": ["generateName": "x-"]], namespace: "default")
        #expect(named.name.hasPrefix("x-") && named.name.count == 7)
    }

    @Test("a stale resourceVersion is a conflict, an unchanged object no change") func concurrency() throws {
        let store = try self.store()
        let made = try store.create(.configMaps, self.map("a"), namespace: "default")
        let first = try store.update(.configMaps, namespace: "default", name: "a") { old in
            var new = old
            new["data"] = ["x": "1"]
            return new
        }
        #expect(first.resourceVersion != made.resourceVersion)
        let error = #expect(throws: StatusError.self) {
            try store.update(.configMaps, namespace: "default", name: "a") { _ in made }
        }
        #expect(error?.code == 409)
        let same = try store.update(.configMaps, namespace: "default", name: "a") { $0 }
        #expect(same.resourceVersion == first.resourceVersion)
    }

    @Test("generation counts the spec, and the status is changed only by its own") func parts() throws {
        let store = try self.store()
        try store.create(.deployments, ["metadata": ["name": "d"], "spec": ["replicas": 1]], namespace: "default")
        let status = try store.update(.deployments, namespace: "default", name: "d", part: .status) { old in
            var new = old
            new["status"] = ["replicas": 1]
            new["spec"] = ["replicas": 9]
            return new
        }
        #expect(status.generation == 1 && status.at("spec", "replicas") == 1 && status.at("status", "replicas") == 1)
        let spec = try store.update(.deployments, namespace: "default", name: "d") { old in
            var new = old
            new["spec"] = ["replicas": 2]
            new["status"] = nil
            return new
        }
        #expect(spec.generation == 2 && spec.at("status", "replicas") == 1)
    }

    @Test("finalizers hold an object until the last is gone") func finalizers() throws {
        let store = try self.store()
        try store.create(
            .configMaps,
            ["metadata": ["name": "a", "finalizers": ["x/y"]]],
            namespace: "default"
        )
        let deletion = try store.delete(.configMaps, namespace: "default", name: "a")
        guard case .marked(let marked) = deletion else { return #expect(Bool(false), "it is gone already") }
        #expect(marked.isTerminating)
        try store.update(.configMaps, namespace: "default", name: "a") { old in
            var new = old
            new.set("metadata", "finalizers", to: nil)
            return new
        }
        #expect(store.find(.configMaps, namespace: "default", name: "a") == nil)
    }

    @Test("a pod on a node is marked until the node deletes it for good") func grace() throws {
        let store = try self.store()
        try store.create(
            .pods,
            ["metadata": ["name": "p"], "spec": ["nodeName": "n", "terminationGracePeriodSeconds": 5]],
            namespace: "default"
        )
        let first = try store.delete(.pods, namespace: "default", name: "p")
        #expect(first.object.at("metadata", "deletionGracePeriodSeconds") == 5)
        #expect(store.find(.pods, namespace: "default", name: "p") != nil)
        try store.delete(.pods, namespace: "default", name: "p", options: DeleteOptions(gracePeriod: 0))
        #expect(store.find(.pods, namespace: "default", name: "p") == nil)
    }

    @Test("a namespace goes when its finalizer does, and takes nothing in meanwhile") func namespaces() throws {
        let store = try self.store()
        try store.create(.namespaces, ["metadata": ["name": "n"], "spec": ["finalizers": ["kubernetes"]]])
        try store.delete(.namespaces, name: "n")
        #expect(store.find(.namespaces, name: "n")?.at("status", "phase") == "Terminating")
        let error = #expect(throws: StatusError.self) {
            try store.create(.configMaps, self.map("a"), namespace: "n")
        }
        #expect(error?.code == 403)
        try store.update(.namespaces, name: "n", part: .whole) { old in
            var new = old
            new.set("spec", "finalizers", to: [])
            return new
        }
        #expect(store.find(.namespaces, name: "n") == nil)
    }

    @Test("a watch shows what is there, then every change in order") func watch() async throws {
        let store = try self.store()
        try store.create(.configMaps, self.map("a"), namespace: "default")
        var events = store.watch(.configMaps).makeAsyncIterator()
        try store.create(.configMaps, self.map("b"), namespace: "default")
        try store.delete(.configMaps, namespace: "default", name: "a")
        var seen: [String] = []
        for _ in 0..<3 { seen.append((await events.next()).map { "\($0.change.rawValue) \($0.object.name)" } ?? "") }
        #expect(seen == ["ADDED a", "ADDED b", "DELETED a"])
    }

    @Test("an object that enters or leaves a selection is added or deleted there") func selection() async throws {
        let store = try self.store()
        try store.create(.configMaps, self.map("a"), namespace: "default")
        var events = store.watch(.configMaps, labels: try LabelSelector(query: "x=1")).makeAsyncIterator()
        for value in ["1", "2"] {
            try store.update(.configMaps, namespace: "default", name: "a") { old in
                var new = old
                new.set("metadata", "labels", "x", to: .string(value))
                return new
            }
        }
        #expect(await events.next()?.change == .added)
        #expect(await events.next()?.change == .deleted)
    }

    @Test("a watch from before the remembered changes is 410, from within gets them") func history() throws {
        let store = try self.store(history: 4)
        let start = store.version
        for index in 0..<6 { try store.create(.configMaps, self.map("m\(index)"), namespace: "default") }
        let error = #expect(throws: StatusError.self) { _ = try store.subscribe(.configMaps, since: start) { _ in } }
        #expect(error?.code == 410)
        let names = Names()
        let watch = try store.subscribe(.configMaps, since: start + 4) { names.add($0.object.name) }
        #expect(names.all == ["m4", "m5"])
        watch.subscription.cancel()
        try store.create(.configMaps, self.map("m7"), namespace: "default")
        #expect(names.all.count == 2)
    }
}
