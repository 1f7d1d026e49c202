import Cluster
import Testing

@testable import Sandbox

@Suite struct QuotaTests {
    @Test("a quota stops a replica set, which says so up to its deployment, and goes on when there is room")
    func quota() async throws {
        try await ControllerFixture.with { cluster in
            try await cluster.api.create(
                .resourceQuotas,
                ["metadata": ["name": "few"], "spec": ["hard": ["pods": "1"]]],
                namespace: "default"
            )
            try await cluster.api.create(
                .deployments,
                ControllerFixture.workload("web", replicas: 2),
                namespace: "default"
            )
            let why = "is forbidden: exceeded quota: few, requested: pods=1, used: pods=1, limited: pods=1"
            try await cluster.wait("ReplicaFailure") {
                let deployment = cluster.store.find(.deployments, namespace: "default", name: "web")
                return (deployment?.at("status", "conditions")?.array ?? []).contains {
                    $0["type"] == "ReplicaFailure" && $0["message"]?.string?.contains(why) == true
                }
            }
            #expect(cluster.pods("web").count == 1)
            #expect(
                cluster.store.items(.events).contains {
                    $0["reason"] == "FailedCreate" && $0["message"]?.string?.contains(why) == true
                }
            )
            try cluster.store.update(.resourceQuotas, namespace: "default", name: "few") { old in
                var quota = old
                quota.set("spec", "hard", "pods", to: "5")
                return quota
            }
            try await cluster.wait("both pods") { cluster.pods("web").filter { $0.readySince != nil }.count == 2 }
            try await cluster.wait("status") {
                cluster.store.find(.resourceQuotas, namespace: "default", name: "few")?.at("status", "used", "pods")
                    == "2"
            }
        }
    }
}
