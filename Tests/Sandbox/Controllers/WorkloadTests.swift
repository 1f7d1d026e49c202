import Cluster
import Testing

@testable import Sandbox

@Suite struct WorkloadTests {
    @Test("a deployment makes pods, reports, is updated step by step, and takes all with it")
    func deployment() async throws {
        try await ControllerFixture.with { cluster in
            try await cluster.api.create(
                .deployments,
                ControllerFixture.workload("web", replicas: 3),
                namespace: "default"
            )
            func status(_ field: String) -> Int? {
                cluster.store.find(.deployments, namespace: "default", name: "web")?.at("status", field)?.int
            }
            try await cluster.wait("replicas") { status("availableReplicas") == 3 }
            let before = Set(cluster.pods("web").map(\.uid))
            try cluster.store.update(.deployments, namespace: "default", name: "web") { old in
                var deployment = old
                deployment.set("spec", "template", "metadata", "annotations", "again", to: "1")
                return deployment
            }
            try await cluster.wait("update") {
                let pods = cluster.pods("web").filter(\.isActivePod)
                #expect(pods.count <= 4)
                return pods.count == 3 && pods.allSatisfy { !before.contains($0.uid) && $0.readySince != nil }
            }
            try await cluster.wait("status") { status("updatedReplicas") == 3 && status("replicas") == 3 }
            #expect(cluster.store.items(.replicaSets, namespace: "default").count == 2)
            let annotations = cluster.store.find(.deployments, namespace: "default", name: "web")?.annotations
            #expect(annotations?["deployment.kubernetes.io/revision"] == "2")
            try await cluster.api.delete(.deployments, namespace: "default", name: "web")
            try await cluster.wait("end") {
                cluster.pods("web").isEmpty && cluster.store.items(.replicaSets, namespace: "default").isEmpty
            }
        }
    }

    @Test("a deployment that never becomes ready says so and stops at its limits")
    func stuck() async throws {
        try await ControllerFixture.with { cluster in
            try await cluster.api.create(
                .deployments,
                ControllerFixture.workload("web", replicas: 2),
                namespace: "default"
            )
            try await cluster.wait("pods", node: false) { cluster.pods("web").count == 2 }
            try cluster.playNode(ready: false)
            try await cluster.wait("report", node: false) {
                let status = cluster.store.find(.deployments, namespace: "default", name: "web")?["status"]
                let available = (status?["conditions"]?.array ?? []).first { $0["type"] == "Available" }
                return available?["status"] == "False" && status?["unavailableReplicas"]?.int == 2
            }
        }
    }

    @Test("deleting a pod of a set brings another one")
    func replaced() async throws {
        try await ControllerFixture.with { cluster in
            try await cluster.api.create(
                .deployments,
                ControllerFixture.workload("web", replicas: 1),
                namespace: "default"
            )
            try await cluster.wait("pod") { cluster.pods("web").contains { $0.readySince != nil } }
            let first = try #require(cluster.pods("web").first)
            try await cluster.api.delete(.pods, namespace: "default", name: first.name)
            try await cluster.wait("another") {
                cluster.pods("web").contains { $0.uid != first.uid && $0.readySince != nil }
            }
        }
    }

    @Test("a pod whose labels match no more is let go and replaced, and an orphan that matches is adopted")
    func claims() async throws {
        try await ControllerFixture.with { cluster in
            try await cluster.api.create(
                .deployments,
                ControllerFixture.workload("web", replicas: 1),
                namespace: "default"
            )
            try await cluster.wait("pod") { cluster.pods("web").contains { $0.readySince != nil } }
            let first = try #require(cluster.pods("web").first)
            func label(_ value: JSONValue?) async throws {
                try await cluster.api.modify(.pods, namespace: "default", name: first.name) { old in
                    var pod = old
                    pod.set("metadata", "labels", "app", to: value)
                    return pod
                }
            }
            try await label("held")
            try await cluster.wait("a successor") { cluster.pods("web").contains { $0.readySince != nil } }
            let held = try #require(cluster.pods("held").first)
            #expect(held.uid == first.uid && held.ownerReferences.isEmpty && !held.isTerminating)
            // Two are one too many: the younger of those that are ready goes.
            try await label("web")
            try await cluster.wait("adoption and one pod less") {
                let pods = cluster.pods("web")
                return pods.count == 1 && pods[0].controller != nil
            }
        }
    }

    @Test("a budget says how many pods may go, and evictions keep to it")
    func budget() async throws {
        try await ControllerFixture.with { cluster in
            try await cluster.api.create(
                .deployments,
                ControllerFixture.workload("web", replicas: 3),
                namespace: "default"
            )
            try await cluster.api.create(
                .disruptionBudgets,
                [
                    "metadata": ["name": "web"],
                    "spec": ["maxUnavailable": 1, "selector": ["matchLabels": ["app": "web"]]],
                ],
                namespace: "default"
            )
            func allowed() -> Int? {
                cluster.store.find(.disruptionBudgets, namespace: "default", name: "web")?
                    .at("status", "disruptionsAllowed")?.int
            }
            try await cluster.wait("room for one") { allowed() == 1 }
            let pods = cluster.pods("web")
            try await cluster.api.evict(pod: pods[0].name, namespace: "default")
            let refused = await #expect(throws: StatusError.self) {
                try await cluster.api.evict(pod: pods[1].name, namespace: "default")
            }
            #expect(refused?.code == 429)
            #expect(refused?.body.text.contains("needs 2 healthy pods and has 2 currently") == true)
            try await cluster.wait("room again") {
                let ready = cluster.pods("web").filter { $0.isActivePod && $0.readySince != nil }
                return ready.count == 3 && allowed() == 1
            }
            try await cluster.api.evict(pod: pods[1].name, namespace: "default")
        }
    }

    @Test("a stateful set makes its pods one after the other and updates from the last")
    func statefulSet() async throws {
        try await ControllerFixture.with { cluster in
            var set = ControllerFixture.workload("db", replicas: 2)
            set.set("spec", "serviceName", to: "db")
            try await cluster.api.create(.statefulSets, set, namespace: "default")
            try await cluster.wait("first", node: false) { cluster.pods("db").map(\.name) == ["db-0"] }
            try await cluster.wait("both") { cluster.pods("db").filter { $0.readySince != nil }.count == 2 }
            let before = Set(cluster.pods("db").map(\.uid))
            try cluster.store.update(.statefulSets, namespace: "default", name: "db") { old in
                var set = old
                set.set("spec", "template", "metadata", "annotations", "again", to: "1")
                return set
            }
            try await cluster.wait("update") {
                let pods = cluster.pods("db")
                return pods.count == 2 && pods.allSatisfy { !before.contains($0.uid) && $0.readySince != nil }
            }
        }
    }

    @Test("a job ends when enough of its pods have succeeded, and fails after too many failures")
    func job() async throws {
        try await ControllerFixture.with { cluster in
            let template: JSONValue = [
                "spec": ["restartPolicy": "Never", "containers": [["name": "a", "image": "x"]]]
            ]
            for (name, phase, spec) in [
                ("good", "Succeeded", ["completions": 2, "parallelism": 1, "template": template] as JSONValue),
                ("bad", "Failed", ["backoffLimit": 1, "template": template]),
            ] {
                try await cluster.api.create(
                    .jobs,
                    ["metadata": ["name": .string(name)], "spec": spec],
                    namespace: "default"
                )
                try await cluster.wait("end of \(name)", node: false) {
                    for pod in cluster.store.items(.pods, namespace: "default") where pod.isActivePod {
                        try cluster.store.update(.pods, namespace: "default", name: pod.name, part: .status) { old in
                            var pod = old
                            pod.set("status", "phase", to: .string(phase))
                            return pod
                        }
                    }
                    let status = cluster.store.find(.jobs, namespace: "default", name: name)?["status"]
                    let type = phase == "Succeeded" ? "Complete" : "Failed"
                    return (status?["conditions"]?.array ?? []).contains { $0["type"]?.string == type }
                }
            }
            let good = cluster.store.find(.jobs, namespace: "default", name: "good")?["status"]
            #expect(good?["succeeded"]?.int == 2)
            #expect(cluster.store.find(.jobs, namespace: "default", name: "bad")?.at("status", "failed")?.int == 2)
        }
    }

    @Test("deleting a namespace takes everything in it, and orphans stay when asked for")
    func collection() async throws {
        try await ControllerFixture.with { cluster in
            try await cluster.api.create(.namespaces, ["metadata": ["name": "shop"]])
            try await cluster.api.create(
                .deployments,
                ControllerFixture.workload("web", replicas: 2),
                namespace: "shop"
            )
            try await cluster.wait("pods") {
                cluster.store.items(.pods, namespace: "shop").filter { $0.readySince != nil }.count == 2
            }
            try await cluster.api.delete(
                .deployments,
                namespace: "shop",
                name: "web",
                options: DeleteOptions(propagation: .orphan)
            )
            try await cluster.wait("end of the deployment") {
                cluster.store.find(.deployments, namespace: "shop", name: "web") == nil
            }
            let set = try #require(cluster.store.items(.replicaSets, namespace: "shop").first)
            #expect(set.ownerReferences.isEmpty)
            try await cluster.api.delete(
                .replicaSets,
                namespace: "shop",
                name: set.name,
                options: DeleteOptions(propagation: .foreground)
            )
            try await cluster.wait("end of the set and its pods") {
                cluster.store.items(.replicaSets, namespace: "shop").isEmpty
                    && cluster.store.items(.pods, namespace: "shop").isEmpty
            }
            try await cluster.api.delete(.namespaces, name: "shop")
            try await cluster.wait("end of the namespace") { cluster.store.find(.namespaces, name: "shop") == nil }
            #expect(cluster.store.items(.configMaps, namespace: "shop").isEmpty)
        }
    }

    @Test("endpoints follow readiness and each pod's own port behind a name")
    func endpoints() async throws {
        try await ControllerFixture.with { cluster in
            try await cluster.api.create(
                .services,
                [
                    "metadata": ["name": "web"],
                    "spec": ["selector": ["app": "web"], "ports": [["port": 80, "targetPort": "http"]]],
                ],
                namespace: "default"
            )
            for (name, port) in [("one", 8080), ("two", 9900)] {
                var pod: JSONValue = ["metadata": ["name": .string(name), "labels": ["app": "web"]]]
                let template = ControllerFixture.workload(name, replicas: 1, port: port)
                pod["spec"] = template.at("spec", "template", "spec")
                try await cluster.api.create(.pods, pod, namespace: "default")
            }
            func slices() -> [JSONValue] {
                cluster.store.items(.endpointSlices, namespace: "default").filter {
                    $0.labels["kubernetes.io/service-name"] == "web" && !($0["endpoints"]?.array ?? []).isEmpty
                }
            }
            try cluster.playNode(ready: false)
            try await cluster.wait("unready endpoints", node: false) { slices().count == 2 }
            let unready = slices().flatMap { $0["endpoints"]?.array ?? [] }
            #expect(unready.allSatisfy { $0.at("conditions", "ready") == false })
            for pod in cluster.pods("web") {
                try cluster.store.update(.pods, namespace: "default", name: pod.name, part: .status) { old in
                    var pod = old
                    pod.set("status", "conditions", to: [["type": "Ready", "status": "True"]])
                    return pod
                }
            }
            try await cluster.wait("ready endpoints", node: false) {
                let endpoints = cluster.store.find(.endpoints, namespace: "default", name: "web")
                let addresses = (endpoints?["subsets"]?.array ?? []).flatMap { $0["addresses"]?.array ?? [] }
                return addresses.count == 2
            }
            let ports = slices().compactMap { $0["ports"]?[0]?["port"]?.int }.sorted()
            #expect(ports == [8080, 9900])
            try await cluster.api.delete(.services, namespace: "default", name: "web")
            try await cluster.wait("end of the endpoints") {
                slices().isEmpty && cluster.store.find(.endpoints, namespace: "default", name: "web") == nil
            }
        }
    }
}
