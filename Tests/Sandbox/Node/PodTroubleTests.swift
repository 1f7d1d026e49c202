import Cluster
import Testing

@testable import Sandbox

/// What keeps pods from running, and containers that come later.
@Suite(.serialized, .enabled(if: NodeFixture.obstacle == nil, "needs root and the built sandbox"))
struct PodTroubleTests {
    private func condition(_ pod: JSONValue?, _ type: String) -> JSONValue? {
        (pod?.at("status", "conditions")?.array ?? []).first { $0["type"]?.string == type }
    }

    private func events(_ node: NodeFixture, _ name: String) -> [String] {
        node.store.items(.events).filter { $0.at("involvedObject", "name")?.string == name }
            .map { "\($0["reason"]?.string ?? ""): \($0["message"]?.string ?? "")" }
    }

    @Test("an image that there is not, and a node that does not fit, are told in status and events")
    func troubles() async throws {
        try await NodeFixture.with { node in
            try await node.run("choosy", "true", spec: ["nodeSelector": ["disk": "ssd"]])
            try await node.run("greedy", "true", container: ["resources": ["requests": ["cpu": "1000"]]])
            try await node.cluster.api.create(
                .pods,
                [
                    "metadata": ["name": "typo"],
                    "spec": [
                        "terminationGracePeriodSeconds": 0, "containers": [["name": "main", "image": "no/such:1"]],
                    ],
                ],
                namespace: "default"
            )
            for (name, why) in [
                ("choosy", "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."),
                ("greedy", "0/1 nodes are available: 1 Insufficient cpu."),
            ] {
                try await node.wait("word about \(name)") {
                    self.events(node, name).contains("FailedScheduling: \(why)")
                }
                let scheduled = self.condition(node.pod(name), "PodScheduled")
                #expect(scheduled?["reason"] == "Unschedulable" && scheduled?["message"]?.string == why)
                #expect(node.pod(name)?.at("status", "phase") == "Pending")
            }
            try await node.wait("ImagePullBackOff") {
                node.pod("typo")?.at("status", "containerStatuses")?.array?.first?.at("state", "waiting", "reason")?
                    .string == "ImagePullBackOff"
            }
            let told = self.events(node, "typo")
            #expect(told.contains { $0.hasPrefix("Failed: Failed to pull image \"no/such:1\"") }, "\(told)")
            #expect(told.contains { $0.hasPrefix("BackOff: Back-off pulling image") })
            // What stood in the way is gone: both go on without help.
            try node.store.update(.nodes, name: NodeContext.nodeName) { old in
                var changed = old
                changed.set("metadata", "labels", "disk", to: "ssd")
                return changed
            }
            try await node.wait("end of choosy") { node.pod("choosy")?.at("status", "phase") == "Succeeded" }
            try await node.cluster.api.modify(.pods, namespace: "default", name: "typo") { old in
                var pod = old
                var containers = pod.at("spec", "containers")?.array ?? []
                containers[0]["image"] = "sample/echo:1"
                pod.set("spec", "containers", to: .array(containers))
                return pod
            }
            try await node.wait("the right image") { node.pod("typo")?.readySince != nil }
        }
    }

    @Test("an ephemeral container shares its target's processes and network, and cannot be taken away")
    func ephemeral() async throws {
        try await NodeFixture.with { node in
            try await node.run(
                "app",
                "exec sleep 1000",
                spec: ["readinessGates": [["conditionType": "example.com/ok"]]]
            )
            try await node.wait("the container") {
                self.condition(node.pod("app"), "ContainersReady")?["status"] == "True"
            }
            #expect(self.condition(node.pod("app"), "Ready")?["reason"] == "ReadinessGatesNotReady")
            let api = node.cluster.api
            func add(_ container: JSONValue) throws(StatusError) {
                try api.changeEphemeralContainers(pod: "app", namespace: "default") { old in
                    var pod = old
                    let present = old.at("spec", "ephemeralContainers")?.array ?? []
                    pod.set("spec", "ephemeralContainers", to: .array(present + [container]))
                    return pod
                }
            }
            try add([
                "name": "debug", "image": "sandbox/tools", "targetContainerName": "main",
                "command": ["sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline; echo; cat /etc/hostname"],
            ])
            try await node.wait("its end") {
                node.pod("app")?.at("status", "ephemeralContainerStatuses")?.array?.first?.at("state", "terminated")
                    != nil
            }
            #expect(try await node.log("app", container: "debug") == "sleep 1000 \napp\n")
            #expect(node.pod("app")?.at("status", "phase") == "Running")
            let twice = #expect(throws: StatusError.self) { try add(["name": "main", "image": "sandbox/tools"]) }
            #expect(twice?.message.contains("spec.ephemeralContainers[1].name: Duplicate value: \"main\"") == true)
            let ports = #expect(throws: StatusError.self) {
                try add(["name": "p", "image": "x", "ports": [["containerPort": 1]]])
            }
            #expect(ports?.message.contains("cannot be set for an Ephemeral Container") == true)
            let gone = #expect(throws: StatusError.self) {
                try api.changeEphemeralContainers(pod: "app", namespace: "default") { old in
                    var pod = old
                    pod.set("spec", "ephemeralContainers", to: nil)
                    return pod
                }
            }
            #expect(gone?.message.contains("may not be removed") == true)
            try node.store.update(.pods, namespace: "default", name: "app", part: .status) { old in
                var pod = old
                let conditions = pod.at("status", "conditions")?.array ?? []
                let gate: JSONValue = ["type": "example.com/ok", "status": "True"]
                pod.set("status", "conditions", to: .array(conditions + [gate]))
                return pod
            }
            try await node.wait("readiness") { node.pod("app")?.readySince != nil }
        }
    }
}
