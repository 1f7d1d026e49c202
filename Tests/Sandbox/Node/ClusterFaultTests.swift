import Cluster
import Foundation
import TestSupport
import Testing

@testable import Sandbox

@Suite(
    .ownThreads,
    .serialized,
    .enabled(if: NodeFixture.obstacle == nil && Kubectl.path != nil, "needs root, the sandbox, kubectl")
)
struct ClusterFaultTests {
    @Test("pods lose packets and get them back, tokens are renewed, and the API server comes back on its port")
    func faults() async throws {
        try await NodeFixture.with { node in
            try await node.run("server", "exec python3 -S -m http.server 8000", labels: ["app": "server"])
            try await node.wait("the server's address") { node.pod("server")?.at("status", "podIP") != nil }
            let address = node.pod("server")?.at("status", "podIP")?.string ?? ""
            // One line for each try, and what the token is whenever it has changed.
            try await node.run(
                "client",
                """
                exec python3 -S -u -c '
                import socket, time
                last = None
                while True:
                    token = open("/var/run/secrets/kubernetes.io/serviceaccount/token").read()
                    if token != last: print("token", token); last = token
                    try: socket.create_connection(("\(address)", 8000), 0.3).close(); print("up")
                    except OSError: print("down")
                    time.sleep(0.02)
                '
                """
            )
            func lines() async throws -> [String] {
                try await node.log("client").split(separator: "\n").map(String.init)
            }
            func tokens() async throws -> [String] { try await lines().filter { $0.hasPrefix("token ") } }
            try await node.wait("a connection") { try await lines().last == "up" }
            let first = try #require(try await tokens().last)
            var order = FaultOrder(number: 1, plan: FaultPlan())
            order.plan.podLoss = 1
            order.plan.pods = ["default/ser"]
            await node.cluster.obey(order)
            try await node.wait("the cut") { try await lines().last == "down" }
            order = FaultOrder(number: 2, plan: FaultPlan())
            order.plan.tokenLifetime = 3
            order.actions = [.expireTokens]
            await node.cluster.obey(order)
            try await node.wait("a connection again") { try await lines().last == "up" }
            #expect(throws: StatusError.self) { try node.cluster.api.tokens.check(String(first.dropFirst(6))) }
            // Twice: at once, and before the short life of the next is over.
            try await node.wait("new tokens") { try await tokens().count >= 3 }
            let kubectl = Kubectl(kubeconfig: StateDirectory(path: node.directory).kubeconfig)
            let watching = try kubectl.process(["get", "pods", "-w", "-o", "name"])
            let output = Pipe()
            watching.standardOutput = output
            try watching.run()
            let names = Lines(output.fileHandleForReading)
            try await within { #expect(await names.next() == "pod/client") }
            order = FaultOrder(number: 3, plan: FaultPlan())
            order.actions = [.restartAPI]
            order.downtime = 50
            await node.cluster.obey(order)
            let after = try await within { try await kubectl("get", "pods", "-o", "name") }
            #expect(after.output == "pod/client\npod/server\n", "\(after.errors)")
            Kubectl.end(watching)
        }
    }
}
