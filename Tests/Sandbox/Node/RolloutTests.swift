import Cluster
import Foundation
import TestSupport
import Testing

@testable import Sandbox

/// What kubectl does with workloads whose pods really run.
@Suite(
    .ownThreads,
    .serialized,
    .enabled(if: NodeFixture.obstacle == nil && Kubectl.path != nil, "needs root, the sandbox, kubectl")
)
struct RolloutTests {
    @Test("kubectl scales, restarts, watches and undoes a rollout, and no request fails meanwhile")
    func rollout() async throws {
        try await NodeFixture.with { node in
            let kubectl = Kubectl(kubeconfig: StateDirectory(path: node.directory).kubeconfig)
            try await node.cluster.api.create(.deployments, PodLifeTests.echo(replicas: 1), namespace: "default")
            try await node.cluster.api.create(
                .services,
                [
                    "metadata": ["name": "echo"],
                    "spec": ["selector": ["app": "echo"], "ports": [["port": 80, "targetPort": 7003]]],
                ],
                namespace: "default"
            )
            func run(_ arguments: String...) async throws -> Kubectl.Result {
                try await within(.seconds(60)) { try await kubectl.run(arguments, input: nil) }
            }
            let first = try await run("rollout", "status", "deploy/echo", "--timeout=40s")
            #expect(first.output.contains("successfully rolled out"), "\(first)")
            let address = node.store.find(.services, namespace: "default", name: "echo")?.at("spec", "clusterIP")
            try await node.run(
                "client",
                """
                exec python3 -S -u -c '
                import socket, time
                fine = bad = 0
                while True:
                    try:
                        s = socket.create_connection(("\(address?.string ?? "")", 80), 5)
                        while s.recv(999): pass
                        fine += 1
                    except OSError as e: bad += 1; print("bad", e)
                    if fine % 50 == 1: print("fine", fine)
                    time.sleep(0.01)
                '
                """
            )
            try await node.wait("first answer") { try await node.log("client").contains("fine") }
            #expect(try await run("scale", "deploy/echo", "--replicas=2").status == 0)
            #expect(try await run("rollout", "restart", "deploy/echo").status == 0)
            let again = try await run("rollout", "status", "deploy/echo", "--timeout=40s")
            #expect(again.output.contains("successfully rolled out"), "\(again)")
            #expect(try await run("set", "image", "deploy/echo", "echo=no/such:1").status == 0)
            try await node.wait("an image that fails") {
                node.store.items(.events).contains { $0["reason"] == "BackOff" }
            }
            let history = try await run("rollout", "history", "deploy/echo")
            #expect(history.output.contains("\n3 "), "\(history)")
            #expect(try await run("rollout", "undo", "deploy/echo").status == 0)
            let undone = try await run("rollout", "status", "deploy/echo", "--timeout=40s")
            #expect(undone.output.contains("successfully rolled out"), "\(undone)")
            let sets = node.store.items(.replicaSets, namespace: "default")
            #expect(sets.count == 3 && sets.filter { $0.at("spec", "replicas")?.int == 2 }.count == 1)
            let text = try await node.log("client")
            #expect(!text.contains("bad"), "\(text)")
        }
    }
}
