import Cluster
import Foundation
import NIOCore
import Testing

@testable import Sandbox

@Suite(.serialized, .enabled(if: NodeFixture.obstacle == nil, "needs root and the built sandbox"))
struct PodLifeTests {
    @Test("a pod runs its command in namespaces of its own, and its output and exit status are kept")
    func runs() async throws {
        try await NodeFixture.with { node in
            let text = try await node.output(
                of:
                    "hostname; id -u; cat /proc/self/cgroup >/dev/null; ls /proc | grep -c '^[0-9]'; cat /etc/resolv.conf; ip -4 -o addr show eth0 | grep -o 10.244[0-9.]*; touch /only-here; echo $GREETING",
                container: [
                    "env": [["name": "WORLD", "value": "world"], ["name": "GREETING", "value": "hello $(WORLD)"]]
                ]
            )
            let lines = text.split(separator: "\n").map(String.init)
            #expect(lines[0].hasPrefix("run-"))
            #expect(lines[1] == "0")
            #expect(text.contains("nameserver 10.96.0.10\nsearch default.svc.cluster.local"))
            #expect(text.contains("10.244.0."))
            #expect(lines.last == "hello world")
            #expect(!FileManager.default.fileExists(atPath: "/only-here"))
        }
    }

    @Test("a deployment's pods become ready, serve by name through their Service, and go with it")
    func deployment() async throws {
        try await NodeFixture.with { node in
            try await node.cluster.api.create(.deployments, Self.echo(replicas: 2), namespace: "default")
            try await node.cluster.api.create(
                .services,
                [
                    "metadata": ["name": "echo"],
                    "spec": [
                        "selector": ["app": "echo"],
                        "ports": [
                            ["name": "echo", "port": 80, "targetPort": "name"],
                            ["name": "udp", "port": 81, "targetPort": 7000, "protocol": "UDP"],
                        ],
                    ],
                ],
                namespace: "default"
            )
            try await node.wait("available replicas") {
                node.store.find(.deployments, namespace: "default", name: "echo")?.at("status", "availableReplicas")?
                    .int == 2
            }
            try await node.wait("endpoints") {
                node.store.items(.endpointSlices, namespace: "default").contains {
                    $0.labels["kubernetes.io/service-name"] == "echo" && ($0["endpoints"]?.array?.count ?? 0) == 2
                }
            }
            let text = try await node.output(
                of: """
                    python3 -S -c '
                    import socket
                    names = set()
                    for i in range(40):
                        s = socket.create_connection(("echo", 80), 5)
                        names.add(s.recv(200).decode().strip())
                    print(len(names))
                    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    u.settimeout(5)
                    u.sendto(b"ping", ("echo.default.svc.cluster.local", 81))
                    print(u.recv(100).decode())
                    for port in (82, 83):
                        try:
                            socket.create_connection(("echo", port), 5)
                        except OSError as e:
                            print(type(e).__name__)
                    try:
                        socket.create_connection(("nowhere.default", 80), 5)
                    except OSError as e:
                        print(type(e).__name__)
                    try:
                        socket.create_connection(("10.244.0.250", 80), 1)
                    except OSError as e:
                        print(type(e).__name__)
                    '
                    """
            )
            #expect(
                text == "2\nping\nConnectionRefusedError\nConnectionRefusedError\ngaierror\nTimeoutError\n",
                "\(text)"
            )
            try await node.cluster.api.delete(.deployments, namespace: "default", name: "echo")
            try await node.wait("end of the pods") {
                node.store.items(.pods, namespace: "default", labels: LabelSelector(map: ["app": "echo"])).isEmpty
            }
        }
    }

    static func echo(replicas: Int) -> JSONValue {
        [
            "metadata": ["name": "echo"],
            "spec": [
                "replicas": .integer(Int64(replicas)), "selector": ["matchLabels": ["app": "echo"]],
                "template": [
                    "metadata": ["labels": ["app": "echo"]],
                    "spec": [
                        "terminationGracePeriodSeconds": 1,
                        "containers": [
                            [
                                "name": "echo", "image": "sample/echo",
                                "ports": [["name": "name", "containerPort": 7003]],
                                "readinessProbe": ["tcpSocket": ["port": 7003]],
                            ]
                        ],
                    ],
                ],
            ],
        ]
    }
}
