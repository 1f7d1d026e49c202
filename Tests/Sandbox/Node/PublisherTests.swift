import Cluster
import Foundation
import Glibc
import Testing

@testable import Sandbox

@Suite(.serialized, .enabled(if: NodeFixture.obstacle == nil, "needs root and the built sandbox"))
struct PublisherTests {
    @Test("a load balancer and a node port can be reached from outside, their status says where, and they go")
    func published() async throws {
        // An address of loopback that nobody else has.
        let address = "127.\(Int.random(in: 64...127)).\(Int.random(in: 1...254)).7"
        try await NodeFixture.with {
            $0.publish = address
        } _: { node in
            try await node.cluster.api.create(.deployments, PodLifeTests.echo(replicas: 1), namespace: "default")
            try await node.cluster.api.create(
                .services,
                [
                    "metadata": ["name": "echo"],
                    "spec": [
                        "type": "LoadBalancer", "selector": ["app": "echo"],
                        "ports": [["port": 7100, "targetPort": 7003]],
                    ],
                ],
                namespace: "default"
            )
            func service() -> JSONValue? { node.store.find(.services, namespace: "default", name: "echo") }
            try await node.wait("status") {
                service()?.at("status", "loadBalancer", "ingress")?.array?.first?["ip"]?.string == address
            }
            let nodePort = try #require(service()?.at("spec", "ports")?.array?.first?["nodePort"]?.int)
            for port in [7100, nodePort] {
                try await node.wait("an answer on \(port)") {
                    await Self.answer(address, port)?.hasPrefix("echo-") == true
                }
            }
            let external = (node.store.find(.nodes, name: NodeContext.nodeName)?.at("status", "addresses")?.array ?? [])
                .first { $0["type"] == "ExternalIP" }
            #expect(external?["address"]?.string == address)
            try await node.cluster.api.delete(.services, namespace: "default", name: "echo")
            try await node.wait("the end of the port") { (try? Self.connect(address, 7100)) == nil }
        }
    }

    /// What the port sends; read on a thread of its own, as the relay needs those of the tests.
    private static func answer(_ address: String, _ port: Int) async -> String? {
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                guard let socket = try? Self.connect(address, port) else { return continuation.resume(returning: nil) }
                let text = Lines.read(FileHandle(fileDescriptor: socket, closeOnDealloc: true))
                continuation.resume(returning: text.isEmpty ? nil : String(decoding: text, as: UTF8.self))
            }
        }
    }

    private static func connect(_ address: String, _ port: Int) throws -> CInt {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var target = sockaddr_in()
        target.sin_family = sa_family_t(AF_INET)
        target.sin_port = UInt16(port).bigEndian
        target.sin_addr.s_addr = inet_addr(address)
        let result = withUnsafePointer(to: &target) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, 16) }
        }
        guard result == 0 else {
            close(descriptor)
            throw NodeFixture.Timeout(what: "connection")
        }
        return descriptor
    }
}
