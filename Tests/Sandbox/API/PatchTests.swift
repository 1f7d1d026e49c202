import Cluster
import Testing

@testable import Sandbox

@Suite struct PatchTests {
    private let pod: JSONValue = [
        "metadata": ["finalizers": ["a"]],
        "spec": [
            "containers": [
                ["name": "x", "image": "x:1", "env": [["name": "A", "value": "1"]]], ["name": "y", "image": "y:1"],
            ],
            "tolerations": [["key": "k"]],
        ],
    ]

    @Test("strategic patches merge lists by their keys") func merge() throws {
        let patched = try StrategicMerge.apply(
            [
                "spec": [
                    "containers": [
                        ["name": "x", "env": [["name": "B", "value": "2"]]], ["name": "z", "image": "z:1"],
                    ]
                ]
            ],
            to: self.pod
        )
        let containers = patched.at("spec", "containers")?.array ?? []
        #expect(containers.compactMap { $0["name"]?.string } == ["x", "y", "z"])
        #expect(containers[0]["env"]?.array?.count == 2 && containers[0]["image"] == "x:1")
    }

    @Test("strategic patches delete, replace, order and retain") func directives() throws {
        let gone = try StrategicMerge.apply(
            ["spec": ["containers": [["$patch": "delete", "name": "x"]]]],
            to: self.pod
        )
        #expect(gone.at("spec", "containers")?.array?.compactMap { $0["name"]?.string } == ["y"])
        let ordered = try StrategicMerge.apply(
            [
                "spec": [
                    "$setElementOrder/containers": [["name": "y"], ["name": "x"]],
                    "containers": [["name": "x", "image": "x:2"]],
                ]
            ],
            to: self.pod
        )
        #expect(ordered.at("spec", "containers")?.array?.compactMap { $0["image"]?.string } == ["y:1", "x:2"])
        let replaced = try StrategicMerge.apply(["spec": ["$patch": "replace", "nodeName": "n"]], to: self.pod)
        #expect(replaced["spec"] == ["nodeName": "n"])
        let atomic = try StrategicMerge.apply(["spec": ["tolerations": [["key": "j"]]]], to: self.pod)
        #expect(atomic.at("spec", "tolerations") == [["key": "j"]])
        let set = try StrategicMerge.apply(
            ["metadata": ["$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["b"]]],
            to: self.pod
        )
        #expect(set.at("metadata", "finalizers") == ["b"])
        #expect(throws: StatusError.self) {
            _ = try StrategicMerge.apply(["spec": ["containers": [["image": "nameless"]]]], to: self.pod)
        }
    }

    @Test("ports of containers and of Services have different keys") func ports() throws {
        let service = try StrategicMerge.apply(
            ["spec": ["ports": [["port": 80, "targetPort": 2]]]],
            to: ["spec": ["ports": [["port": 80, "name": "h"]]]]
        )
        #expect(service.at("spec", "ports") == [["port": 80, "name": "h", "targetPort": 2]])
        let container = try StrategicMerge.apply(
            ["spec": ["containers": [["name": "x", "ports": [["containerPort": 2]]]]]],
            to: ["spec": ["containers": [["name": "x", "ports": [["containerPort": 1]]]]]]
        )
        #expect(container.at("spec", "containers")?[0]?["ports"] == [["containerPort": 1], ["containerPort": 2]])
    }

    @Test("an apply takes away what its manager no longer names") func apply() throws {
        func configuration(_ env: [JSONValue], _ labels: JSONValue) -> JSONValue {
            [
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": ["name": "d", "labels": labels],
                "spec": ["template": ["spec": ["containers": [["name": "x", "env": .array(env)]]]]],
            ]
        }
        let first = try ServerSideApply.apply(
            configuration([["name": "A", "value": "1"], ["name": "B", "value": "2"]], ["a": "1", "b": "2"]),
            to: nil,
            kind: .deployments,
            manager: "m",
            force: false
        )
        var live = first
        live.set("metadata", "labels", "other", to: "3")
        live.set("spec", "replicas", to: 4)
        let second = try ServerSideApply.apply(
            configuration([["name": "A", "value": "5"]], ["a": "1"]),
            to: live,
            kind: .deployments,
            manager: "m",
            force: false
        )
        #expect(second.labels == ["a": "1", "other": "3"])
        #expect(second.at("spec", "replicas") == 4)
        #expect(second.at("spec", "template", "spec", "containers")?[0]?["env"] == [["name": "A", "value": "5"]])
        #expect(throws: StatusError.self) {
            _ = try ServerSideApply.apply(
                configuration([["name": "A", "value": "6"]], ["a": "1"]),
                to: second,
                kind: .deployments,
                manager: "n",
                force: false
            )
        }
        let shared = try ServerSideApply.apply(
            configuration([["name": "A", "value": "5"]], ["a": "1"]),
            to: second,
            kind: .deployments,
            manager: "n",
            force: false
        )
        let left = try ServerSideApply.apply(
            ["metadata": ["name": "d"]],
            to: shared,
            kind: .deployments,
            manager: "m",
            force: false
        )
        #expect(left.labels["a"] == "1", "the other manager still wants it")
    }

    @Test("owned fields survive their written form") func fields() {
        let set = FieldSet(of: [
            "metadata": ["labels": ["a.b/c": "1"], "finalizers": ["f"]],
            "spec": ["containers": [["name": "x", "ports": [["containerPort": 1, "protocol": "UDP"]]]]],
        ])
        #expect(FieldSet(fieldsV1: set.fieldsV1) == set)
    }
}
