import Cluster
import Testing

@testable import Sandbox

/// A cluster without a node: controllers over a store, and pods that a test makes ready itself.
struct ControllerFixture {
    let api: ObjectAPI
    var store: ObjectStore { self.api.store }

    static func with(_ body: (ControllerFixture) async throws -> Void) async throws {
        let api = ObjectAPI(store: ObjectStore(), access: .absent, authorityPEM: [])
        try await api.bootstrap(host: "172.30.0.2", port: 6443)
        let controllers = Task { await Controllers(api: api).run() }
        defer { controllers.cancel() }
        try await body(ControllerFixture(api: api))
    }

    /// Makes every pod without address a ready one, as a node would, and ends those that are to end.
    func playNode(ready: Bool = true) throws {
        for pod in self.store.items(.pods) {
            if pod.isTerminating {
                _ = try? self.store.delete(
                    .pods,
                    namespace: pod.namespace,
                    name: pod.name,
                    options: DeleteOptions(gracePeriod: 0)
                )
                continue
            }
            guard pod.at("status", "podIP") == nil else { continue }
            let number = Int.random(in: 2...250)
            try self.store.update(.pods, namespace: pod.namespace, name: pod.name, part: .whole) { old in
                var pod = old
                pod.set("spec", "nodeName", to: "sandbox")
                pod["status"] = [
                    "phase": "Running", "podIP": .string("10.244.0.\(number)"),
                    "conditions": [
                        [
                            "type": "Ready", "status": ready ? "True" : "False",
                            "lastTransitionTime": .string(Timestamp.now()),
                        ]
                    ],
                ]
                return pod
            }
        }
    }

    /// Waits until a condition holds, playing the node meanwhile.
    func wait(_ what: String, node: Bool = true, _ condition: () throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try !condition() {
            guard ContinuousClock.now < deadline else { throw NodeFixture.Timeout(what: what) }
            if node { try self.playNode() }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    func pods(_ app: String) -> [JSONValue] {
        self.store.items(.pods, namespace: "default", labels: LabelSelector(map: ["app": .string(app)]))
    }

    /// A workload of one container.
    static func workload(_ name: String, replicas: Int, port: Int = 8080) -> JSONValue {
        [
            "metadata": ["name": .string(name)],
            "spec": [
                "replicas": .integer(Int64(replicas)), "selector": ["matchLabels": ["app": .string(name)]],
                "template": [
                    "metadata": ["labels": ["app": .string(name)]],
                    "spec": [
                        "containers": [
                            [
                                "name": "main", "image": "x",
                                "ports": [["name": "http", "containerPort": .integer(Int64(port))]],
                            ]
                        ]
                    ],
                ],
            ],
        ]
    }
}
