import Cluster
import Foundation
import Testing

@testable import Sandbox

@Suite(.serialized, .enabled(if: NodeFixture.obstacle == nil, "needs root and the built sandbox"))
struct PodBehaviourTests {
    /// The state of a pod's container, by name.
    static func status(_ pod: JSONValue?, _ container: String = "main") -> JSONValue? {
        let all =
            (pod?.at("status", "containerStatuses")?.array ?? [])
            + (pod?.at("status", "initContainerStatuses")?.array ?? [])
        return all.first { $0["name"]?.string == container }
    }

    @Test("containers have the user, capabilities and root that their security context says")
    func security() async throws {
        try await NodeFixture.with { node in
            let text = try await node.output(
                of: "id -u; id -g; grep CapEff /proc/self/status; touch /x 2>&1; echo y > /scratch/y && cat /scratch/y",
                spec: ["volumes": [["name": "scratch", "emptyDir": [:]]]],
                container: [
                    "securityContext": [
                        "runAsUser": 1234, "runAsGroup": 1235, "readOnlyRootFilesystem": true,
                        "capabilities": ["drop": ["ALL"]],
                    ], "volumeMounts": [["name": "scratch", "mountPath": "/scratch"]],
                ]
            )
            #expect(text.hasPrefix("1234\n1235\nCapEff:\t0000000000000000\n"))
            #expect(text.contains("Read-only file system") && text.hasSuffix("\ny\n"))
            let plain = try await node.output(of: "ip link add x type bridge; echo $?; mount -t tmpfs x /mnt; echo $?")
            #expect(plain.contains("Operation not permitted") && !plain.contains("\n0\n"))
            let admin = try await node.output(
                of: "ip link add x type bridge; echo $?",
                container: ["securityContext": ["capabilities": ["add": ["NET_ADMIN"]]]]
            )
            #expect(admin == "0\n")
        }
    }

    @Test("init containers run in order, a sidecar stays beside the main one and ends after it")
    func initContainers() async throws {
        try await NodeFixture.with { node in
            func container(_ name: String, _ command: String) -> JSONValue {
                [
                    "name": .string(name), "image": "sandbox/tools", "command": ["sh", "-c", .string(command)],
                    "volumeMounts": [["name": "shared", "mountPath": "/shared"]],
                ]
            }
            var sidecar = container(
                "side",
                "trap 'exit 0' TERM; echo side >> /shared/log; while :; do sleep 0.05; done"
            )
            sidecar["restartPolicy"] = "Always"
            sidecar["startupProbe"] = ["exec": ["command": ["grep", "-q", "side", "/shared/log"]]]
            let text = try await node.output(
                of: "cat /shared/log",
                spec: [
                    "volumes": [["name": "shared", "emptyDir": [:]]],
                    "initContainers": [
                        container("one", "sleep 0.1; echo one >> /shared/log"),
                        container("two", "echo two >> /shared/log"), sidecar,
                    ],
                ],
                container: ["volumeMounts": [["name": "shared", "mountPath": "/shared"]]]
            )
            #expect(text == "one\ntwo\nside\n")
        }
    }

    @Test("a container that fails is started again, later and later, with its former log at hand")
    func restart() async throws {
        try await NodeFixture.with { node in
            try await node.run("crash", "echo run; exit 3", spec: ["restartPolicy": "Always"])
            try await node.wait("back-off") {
                let status = Self.status(node.pod("crash"))
                return status?["restartCount"]?.int ?? 0 >= 1
                    && status?.at("state", "waiting", "reason")?.string == "CrashLoopBackOff"
            }
            #expect(Self.status(node.pod("crash"))?.at("lastState", "terminated", "exitCode")?.int == 3)
            #expect(try await node.log("crash", previous: true) == "run\n")
            try await node.cluster.api.delete(.pods, namespace: "default", name: "crash")
            try await node.wait("end") { node.pod("crash") == nil }
        }
    }

    @Test("unknown images, programs and objects are named")
    func faults() async throws {
        try await NodeFixture.with { node in
            let create = { (name: String, container: JSONValue) in
                var container = container
                container["name"] = "main"
                try await node.cluster.api.create(
                    .pods,
                    ["metadata": ["name": .string(name)], "spec": ["containers": [container]]],
                    namespace: "default"
                )
            }
            try await create("image", ["image": "example.com/no-such-image:1"])
            try await create("program", ["image": "sandbox/tools", "command": ["no-such-program"]])
            try await create(
                "object",
                ["image": "sandbox/tools", "envFrom": [["configMapRef": ["name": "nothing"]]]]
            )
            try await node.wait("reports") {
                let image = Self.status(node.pod("image"))?.at("state", "waiting", "reason")?.string ?? ""
                let program = Self.status(node.pod("program"))
                let message =
                    (program?.at("state", "terminated") ?? program?.at("lastState", "terminated"))?["message"]?.string
                    ?? ""
                let object = Self.status(node.pod("object"))?.at("state", "waiting")
                return ["ErrImagePull", "ImagePullBackOff"].contains(image)
                    && message.contains("\"no-such-program\": executable file not found in $PATH")
                    && object?["reason"]?.string == "CreateContainerConfigError"
                    && object?["message"]?.string == "configmap \"nothing\" not found"
            }
            // What was missing comes: the container starts.
            try await node.cluster.api.create(.configMaps, ["metadata": ["name": "nothing"]], namespace: "default")
            try await node.wait("start") {
                Self.status(node.pod("object"))?["restartCount"] != nil
                    && Self.status(node.pod("object"))?.at("state", "waiting", "reason")?.string
                        != "CreateContainerConfigError"
            }
        }
    }

    @Test("readiness and liveness are asked for, and what does not live is started again")
    func probes() async throws {
        try await NodeFixture.with { node in
            try await node.run(
                "probed",
                "trap 'exit 0' TERM; touch /alive; sleep 0.2; touch /ready; while :; do sleep 0.05; done",
                spec: ["restartPolicy": "Always", "terminationGracePeriodSeconds": 1],
                container: [
                    "readinessProbe": ["exec": ["command": ["test", "-e", "/ready"]], "periodSeconds": 1],
                    "livenessProbe": ["exec": ["command": ["true"]], "periodSeconds": 1, "failureThreshold": 1],
                ]
            )
            try await node.wait("readiness") { node.pod("probed")?.readySince != nil }
            #expect(Self.status(node.pod("probed"))?["restartCount"]?.int == 0)
            try await node.cluster.api.delete(.pods, namespace: "default", name: "probed")
            try await node.wait("end") { node.pod("probed") == nil }
            try await node.run(
                "sick",
                "trap 'exit 0' TERM; while :; do sleep 0.05; done",
                spec: ["restartPolicy": "Always", "terminationGracePeriodSeconds": 1],
                container: [
                    "livenessProbe": ["exec": ["command": ["false"]], "periodSeconds": 1, "failureThreshold": 1]
                ]
            )
            try await node.wait("restart") { (Self.status(node.pod("sick"))?["restartCount"]?.int ?? 0) >= 1 }
        }
    }

    @Test("a pod that is deleted is told, has its time, and is killed when it is over")
    func termination() async throws {
        try await NodeFixture.with { node in
            try await node.run(
                "gentle",
                "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done",
                // More than is waited for: it must not be used up.
                spec: ["terminationGracePeriodSeconds": 120]
            )
            try await node.run(
                "deaf",
                "trap '' TERM; echo up; while :; do sleep 0.05; done",
                spec: ["terminationGracePeriodSeconds": 1]
            )
            try await node.wait("both up") {
                let logs = [try await node.log("gentle"), try await node.log("deaf")]
                return logs == ["up\n", "up\n"]
            }
            let began = ContinuousClock.now
            try await node.cluster.api.delete(.pods, namespace: "default", name: "gentle")
            try await node.cluster.api.delete(.pods, namespace: "default", name: "deaf")
            try await node.wait("the gentle end") { node.pod("gentle") == nil }
            try await node.wait("the forced end") { node.pod("deaf") == nil }
            #expect(ContinuousClock.now - began >= .milliseconds(900))
        }
    }

    @Test("files of ConfigMaps follow the object, and a token is there for the service account")
    func files() async throws {
        try await NodeFixture.with { node in
            try await node.cluster.api.create(
                .configMaps,
                ["metadata": ["name": "settings"], "data": ["color": "red"]],
                namespace: "default"
            )
            try await node.run(
                "reader",
                """
                cat /var/run/secrets/kubernetes.io/serviceaccount/namespace; echo; cat /etc/settings/color; echo
                while [ "$(cat /etc/settings/color)" = red ]; do sleep 0.05; done; cat /etc/settings/color
                """,
                spec: ["volumes": [["name": "settings", "configMap": ["name": "settings"]]]],
                container: ["volumeMounts": [["name": "settings", "mountPath": "/etc/settings"]]]
            )
            try await node.wait("first") { try await node.log("reader") == "default\nred\n" }
            try node.store.update(.configMaps, namespace: "default", name: "settings") { old in
                var object = old
                object.set("data", "color", to: "blue")
                return object
            }
            try await node.wait("second") { try await node.log("reader") == "default\nred\nblue" }
            let token = try await node.output(of: "cat /var/run/secrets/kubernetes.io/serviceaccount/token")
            #expect(token.split(separator: ".").count == 3)
        }
    }

    @Test("a Service leads a pod to itself, to a node port, and away from endpoints that have gone")
    func services() async throws {
        try await NodeFixture.with { node in
            var echo = PodLifeTests.echo(replicas: 1)
            echo.set("spec", "template", "spec", "terminationGracePeriodSeconds", to: 0)
            try await node.cluster.api.create(.deployments, echo, namespace: "default")
            let service = try await node.cluster.api.create(
                .services,
                [
                    "metadata": ["name": "echo"],
                    "spec": [
                        "type": "NodePort", "selector": ["app": "echo"],
                        "ports": [
                            ["name": "name", "port": 80, "targetPort": 7003],
                            ["name": "udp", "port": 81, "targetPort": 7000, "protocol": "UDP"],
                        ],
                    ],
                ],
                namespace: "default"
            )
            let address = service.at("spec", "clusterIP")?.string ?? ""
            let nodePort = service.at("spec", "ports")?[0]?["nodePort"]?.int ?? 0
            #expect(nodePort >= 30000)
            try await node.wait("availability") {
                node.store.find(.deployments, namespace: "default", name: "echo")?.at("status", "availableReplicas")?
                    .int == 1
            }
            let byNode = try await node.output(
                of:
                    "python3 -S -c 'import socket; print(socket.create_connection((\"172.30.0.2\", \(nodePort)), 5).recv(99).decode())'"
            )
            #expect(byNode.hasPrefix("echo-"))
            // A pod that is its own Service's endpoint.
            try await node.run(
                "own",
                """
                python3 -S -c '
                import socket, threading, time
                s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("", 7000)); s.listen()
                threading.Thread(target=lambda: s.accept()[0].send(b"me"), daemon=True).start()
                for i in range(100):
                    try:
                        print(socket.create_connection(("self", 80), 2).recv(9).decode(), flush=True); break
                    except OSError: time.sleep(0.05)
                '
                """,
                labels: ["own": "yes"]
            )
            try await node.cluster.api.create(
                .services,
                [
                    "metadata": ["name": "self"],
                    "spec": ["selector": ["own": "yes"], "ports": [["port": 80, "targetPort": 7000]]],
                ],
                namespace: "default"
            )
            try await node.wait("an answer from itself") { try await node.log("own") == "me\n" }
            // One socket goes on sending while the endpoint behind the Service changes.
            try await node.run(
                "sender",
                """
                python3 -S -c '
                import socket, time
                u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.settimeout(0.2); u.connect(("\(address)", 81))
                fine, broken = 0, False
                while True:
                    try:
                        u.send(b"x"); u.recv(9); fine += 1
                        if fine == 1: print("before", flush=True)
                        if broken: print("after", flush=True); break
                    except OSError: broken = True
                    time.sleep(0.01)
                '
                """
            )
            try await node.wait("first datagram") { try await node.log("sender") == "before\n" }
            for pod in node.store.items(.pods, namespace: "default", labels: LabelSelector(map: ["app": "echo"])) {
                try await node.cluster.api.delete(.pods, namespace: "default", name: pod.name)
            }
            try await node.wait("datagrams to the new pod") { try await node.log("sender") == "before\nafter\n" }
        }
    }

    @Test("a port of a pod is reached for port-forward, and a closed one is refused")
    func dial() async throws {
        try await NodeFixture.with { node in
            try await node.cluster.api.create(.deployments, PodLifeTests.echo(replicas: 1), namespace: "default")
            try await node.wait("availability") {
                node.store.find(.deployments, namespace: "default", name: "echo")?.at("status", "availableReplicas")?
                    .int == 1
            }
            let name = try #require(node.store.items(.pods, namespace: "default").first?.name)
            let socket = try await node.cluster.access.dialPod("default", name, 7003)
            close(socket)
            let error = await #expect(throws: StatusError.self) {
                try await node.cluster.access.dialPod("default", name, 9)
            }
            #expect(error?.message.contains("connection refused") == true)
        }
    }
}
