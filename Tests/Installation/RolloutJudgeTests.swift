import Cluster
@testable import Installation
import Testing

/// What the objects around a Deployment mean.
@Suite struct RolloutJudgeTests {
    /// A Deployment of one pod, whose container has this status.
    private static func scene(
        container: JSONValue? = nil,
        ready: Bool = false,
        conditions: JSONValue = [],
        podConditions: JSONValue = [],
        events: [JSONValue] = []
    ) -> RolloutJudge.Scene {
        let count: JSONValue = ready ? 1 : 0
        var status: JSONValue = ["phase": "Pending", "conditions": podConditions]
        if ready { status["conditions"] = [["type": "Ready", "status": "True"]] }
        if let container { status["containerStatuses"] = [container] }
        return RolloutJudge.Scene(
            deployment: [
                "metadata": ["uid": "d", "generation": 2], "spec": ["replicas": 1],
                "status": [
                    "observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": count,
                    "conditions": conditions,
                ],
            ],
            replicaSets: [
                set("old", revision: "1"), set("new", revision: "2"),
            ],
            pods: [
                pod("before", of: "old", ["containerStatuses": [waiting("ImagePullBackOff")]]),
                pod("p", of: "new", status),
            ],
            events: events
        )
    }

    private static func set(_ uid: String, revision: String) -> JSONValue {
        [
            "metadata": [
                "uid": .string(uid), "annotations": ["deployment.kubernetes.io/revision": .string(revision)],
                "ownerReferences": [["uid": "d", "controller": true]],
            ]
        ]
    }

    private static func pod(_ name: String, of set: String, _ status: JSONValue) -> JSONValue {
        [
            "metadata": [
                "name": .string(name), "ownerReferences": [["uid": .string(set), "controller": true]],
            ], "status": status,
        ]
    }

    private static func waiting(_ reason: String, _ message: String = "m", restarts: Int64 = 0) -> JSONValue {
        [
            "name": "c", "image": "i:1", "restartCount": .integer(restarts),
            "state": ["waiting": ["reason": .string(reason), "message": .string(message)]],
        ]
    }

    private static func state(_ scene: RolloutJudge.Scene, after elapsed: Duration = .seconds(1)) -> RolloutState {
        RolloutJudge(scene: scene, elapsed: elapsed).state()
    }

    private static func failure(_ scene: RolloutJudge.Scene, after elapsed: Duration = .seconds(1)) -> RolloutFailure? {
        guard case .failed(let failure) = state(scene, after: elapsed) else { return nil }
        return failure
    }

    @Test("a pod that is ready is what is waited for, whatever became of older ones")
    func ready() {
        let running: JSONValue = ["name": "c", "ready": true, "restartCount": 0, "state": ["running": [:]]]
        #expect(Self.state(Self.scene(container: running, ready: true)) == .ready)
    }

    @Test("a Deployment that was not taken up yet is not ready")
    func generation() {
        var scene = Self.scene(ready: true)
        scene.deployment.change("metadata", "generation") { $0 = 3 }
        guard case .waiting = Self.state(scene) else { return #expect(Bool(false), "it waits") }
    }

    @Test(
        "an image that cannot be had ends the wait, with the cause from the events",
        arguments: [
            "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
        ]
    )
    func image(reason: String) throws {
        let event: JSONValue = [
            "reason": "Failed", "message": "Failed to pull image: no such host", "involvedObject": ["name": "p"],
        ]
        let failure = try #require(Self.failure(Self.scene(container: Self.waiting(reason), events: [event])))
        #expect(failure.reason.contains("i:1"))
        #expect(failure.reason.contains("no such host"))
        #expect(failure.remedy?.contains("image.tag") == true)
    }

    @Test("the first failure to pull is told and waited out")
    func firstPull() {
        guard case .waiting(let text) = Self.state(Self.scene(container: Self.waiting("ErrImagePull", "hiccup"))) else {
            return #expect(Bool(false), "it waits")
        }
        #expect(text.contains("hiccup"))
    }

    @Test("a container that crashes again and again ends the wait, with its last words")
    func crash() throws {
        var status = Self.waiting("CrashLoopBackOff", restarts: 2)
        status["lastState"] = ["terminated": ["exitCode": 137, "reason": "OOMKilled"]]
        let failure = try #require(Self.failure(Self.scene(container: status)))
        #expect(failure.reason.contains("137"))
        #expect(failure.remedy?.contains("memory") == true)
        #expect(failure.container == .init(pod: "p", name: "c", previous: true))
        let once: JSONValue = ["name": "c", "restartCount": 0, "state": ["terminated": ["exitCode": 1]]]
        #expect(Self.failure(Self.scene(container: once)) == nil)
    }

    @Test("a lack of nodes is waited out for a while only")
    func unschedulable() throws {
        let scene = Self.scene(podConditions: [
            ["type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"]
        ])
        #expect(Self.failure(scene) == nil)
        #expect(try #require(Self.failure(scene, after: .seconds(20))).reason.contains("0/1 nodes"))
    }

    @Test(
        "a pod that may not be made ends the wait",
        arguments: [
            ("ReplicaFailure", "True", "FailedCreate"), ("Progressing", "False", "ProgressDeadlineExceeded"),
        ]
    )
    func condition(type: String, status: String, reason: String) throws {
        let scene = Self.scene(conditions: [
            [
                "type": .string(type), "status": .string(status), "reason": .string(reason),
                "message": "violates PodSecurity",
            ]
        ])
        #expect(try #require(Self.failure(scene)).reason.contains("violates PodSecurity"))
    }

    @Test("a configuration that is missing is told with the container's name")
    func configuration() throws {
        let status = Self.waiting("CreateContainerConfigError", "secret \"x\" not found")
        let failure = try #require(Self.failure(Self.scene(container: status)))
        #expect(failure.reason.contains("secret \"x\" not found"))
    }
}
