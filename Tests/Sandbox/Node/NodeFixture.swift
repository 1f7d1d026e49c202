import Cluster
import Foundation
import NIOCore
import Testing

@testable import Sandbox

/// A running sandbox for one test, in directories of its own.
struct NodeFixture {
    let cluster: RunningCluster
    let directory: String

    /// The directory of the built programs.
    static let binaries: String = {
        let path = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
        var directory = URL(fileURLWithPath: path)
        while directory.path != "/", !FileManager.default.fileExists(atPath: directory.path + "/sandbox") {
            directory.deleteLastPathComponent()
        }
        return directory.path
    }()

    /// Why nodes cannot be tried here; nil when they can.
    static var obstacle: String? {
        if geteuid() != 0 { return "only root can make namespaces" }
        if !FileManager.default.fileExists(atPath: binaries + "/sandbox") { return "the sandbox is not built" }
        return nil
    }

    static func with(
        _ change: (inout ClusterConfiguration) -> Void = { _ in },
        _ body: (NodeFixture) async throws -> Void
    ) async throws {
        let directory = NSTemporaryDirectory() + "sandbox-test-\(UUID().uuidString.prefix(8))"
        var configuration = ClusterConfiguration(state: directory, program: binaries + "/sandbox")
        let repository = URL(fileURLWithPath: #filePath).pathComponents.dropLast(4).joined(separator: "/").dropFirst()
        configuration.images = .standard(binaries: binaries, scripts: String(repository) + "/scripts")
        change(&configuration)
        try StateDirectory(path: directory).open()
        let cluster = try await RunningCluster.start(configuration) { _ in }
        let fixture = NodeFixture(cluster: cluster, directory: directory)
        do {
            try await body(fixture)
        } catch {
            print(fixture.report())
            cluster.stop()
            StateDirectory(path: directory).remove()
            throw error
        }
        cluster.stop()
        StateDirectory(path: directory).remove()
    }

    var store: ObjectStore { self.cluster.api.store }

    /// What there is, for a test that failed.
    func report() -> String {
        let pods = self.store.items(.pods).map { "\($0.namespace)/\($0.name): \($0["status"]?.text ?? "")" }
        let events = self.store.items(.events).map { "\($0["reason"]?.string ?? "") \($0["message"]?.string ?? "")" }
        return (pods + events).joined(separator: "\n")
    }

    /// Makes a pod that runs a shell command; its name.
    @discardableResult
    func run(
        _ name: String,
        _ command: String,
        labels: [String: String] = [:],
        spec: JSONValue = [:],
        container: JSONValue = [:]
    ) async throws -> String {
        var container = container
        container["name"] = "main"
        container["image"] = "sandbox/tools"
        container["command"] = ["sh", "-c", .string(command)]
        var spec = spec
        spec["containers"] = .array([container] + (spec["containers"]?.array ?? []))
        if spec["restartPolicy"] == nil { spec["restartPolicy"] = "Never" }
        if spec["terminationGracePeriodSeconds"] == nil { spec["terminationGracePeriodSeconds"] = 0 }
        try await self.cluster.api.create(
            .pods,
            ["metadata": ["name": .string(name), "labels": JSONValue(stringMap: labels)], "spec": spec],
            namespace: "default"
        )
        return name
    }

    /// The output of a pod that is to end; the pod is deleted.
    func output(of command: String, spec: JSONValue = [:], container: JSONValue = [:]) async throws -> String {
        let name = "run-\(Identifiers.suffix())"
        try await self.run(name, command, spec: spec, container: container)
        try await self.wait("end of \(command)") {
            ["Succeeded", "Failed"].contains(
                self.store.find(.pods, namespace: "default", name: name)?.at("status", "phase")?.string ?? ""
            )
        }
        return try await self.log(name)
    }

    /// A container's log as it is now.
    func log(_ pod: String, container: String = "main", previous: Bool = false) async throws -> String {
        guard let object = self.store.find(.pods, namespace: "default", name: pod) else { return "" }
        var options = NodeAccess.LogOptions(container: container)
        options.previous = previous
        var text = ""
        do throws(StatusError) {
            for await part in try await self.cluster.access.log(object, options) { text += String(buffer: part) }
        } catch {
            // It has not begun.
            if error.code == 400 { return "" }
            throw error
        }
        return text
    }

    func pod(_ name: String) -> JSONValue? { self.store.find(.pods, namespace: "default", name: name) }

    /// Waits until a condition holds, looking again at every change of the cluster.
    func wait(_ what: String, seconds: Double = 60, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + .milliseconds(Int(seconds * 1000))
        while try await !condition() {
            guard ContinuousClock.now < deadline else { throw Timeout(what: what) }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// What did not happen in time.
    struct Timeout: Error, CustomStringConvertible {
        let what: String
        var description: String { "no \(self.what) in time" }
    }
}
