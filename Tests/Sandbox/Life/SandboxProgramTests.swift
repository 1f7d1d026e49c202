import Foundation
import Testing

@testable import Sandbox
import TestSupport

/// The built program with the real kubectl.
@Suite(.ownThreads, .serialized, .enabled(if: ProgramObstacle.text == nil, "needs root, kubectl and the built sandbox"))
struct SandboxProgramTests {
    static let repository =
        "/" + URL(fileURLWithPath: #filePath).pathComponents.dropLast(4).dropFirst().joined(separator: "/")

    let state = NSTemporaryDirectory() + "sandbox-program-\(UUID().uuidString.prefix(8))"

    /// Runs a program to its end; status and output.
    @discardableResult
    static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        try TestProgram.run([program] + arguments, errors: .joined)
    }

    func sandbox(_ arguments: String...) throws -> (status: Int32, output: String) {
        try Self.run(NodeFixture.binaries + "/sandbox", arguments + ["--state", self.state])
    }

    func kubectl(_ arguments: String...) throws -> (status: Int32, output: String) {
        try Self.run(ProgramObstacle.kubectl ?? "kubectl", ["--kubeconfig", self.state + "/kubeconfig"] + arguments)
    }

    /// Processes whose command line or environment is of this sandbox: those below its process.
    static func descendants(of process: Int32) -> [Int32] {
        var parents: [Int32: Int32] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let number = Int32(name),
                let stat = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
                let end = stat.lastIndex(of: ")")
            else { continue }
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            // A zombie runs no more; whoever adopted it may be slow to collect it.
            if fields.count > 1, fields[0] != "Z" { parents[number] = Int32(fields[1]) }
        }
        var found: Set<Int32> = [process]
        var grown = true
        while grown {
            grown = false
            for (child, parent) in parents where found.contains(parent) && found.insert(child).inserted { grown = true }
        }
        return found.filter { $0 != process }.sorted()
    }

    static func isAlive(_ process: Int32) -> Bool {
        guard let stat = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return false }
        return !stat.contains(") Z")
    }

    /// What a sandbox might leave on the machine; other tests may run beside this one, so only what would be its own.
    static func traces() throws -> String {
        let commands = [
            "ip -o link | grep -E ' pod[0-9]+'",
            "ip route show table all | grep -E '10[.](244|96)[.]|172[.]30[.]0[.]2'",
            "ip netns | grep -i sandbox", "nft list tables | grep sandbox",
            "grep -E 'overlay|containers/|sandbox-program' /proc/self/mountinfo",
        ]
        return try commands.map { try self.run("/bin/sh", ["-c", $0]).output }.joined(separator: "\n--\n")
    }

    @Test("kubectl applies the sample app, sees it run, reads its output and takes it away; nothing is left")
    func story() async throws {
        let before = try Self.traces()
        let up = try self.sandbox("up", "--detach")
        #expect(up.status == 0 && up.output.contains("Ready in"), "\(up.output)")
        defer { _ = try? self.sandbox("down") }
        #expect(try self.sandbox("status").status == 0)
        #expect(try self.sandbox("up").output.contains("already runs"))
        #expect(try self.kubectl("apply", "-f", Self.repository + "/k8s/sample/app.yaml").status == 0)
        for name in ["backend", "frontend", "numeric", "echo"] {
            let rollout = try self.kubectl("rollout", "status", "deployment/\(name)", "--timeout=60s")
            #expect(rollout.status == 0, "\(rollout.output)")
        }
        #expect(try self.kubectl("logs", "deployment/backend").output.contains("backend: listening on 8080"))
        let job = try self.kubectl(
            "run",
            "curl",
            "--image=sandbox/tools",
            "--restart=Never",
            "--command",
            "--",
            "sh",
            "-c",
            "curl -s http://frontend; curl -s http://numeric.default; curl -s -d body http://backend.default.svc.cluster.local/echo"
        )
        #expect(job.status == 0, "\(job.output)")
        let wait = try self.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/curl", "--timeout=15s")
        #expect(wait.status == 0, "\(wait.output)")
        let text = try self.kubectl("logs", "curl").output
        #expect(text.contains("frontend frontend-") && text.contains(": Hello from backend-"), "\(text)")
        #expect(text.contains("with a secret\nNumeric hello from numeric-") && text.hasSuffix("body"), "\(text)")
        #expect(try self.kubectl("delete", "-f", Self.repository + "/k8s/sample/app.yaml").status == 0)
        let gone = try self.kubectl("wait", "--for=delete", "pod", "-l", "app", "--timeout=60s")
        #expect(gone.status == 0 || gone.output.contains("no matching resources"), "\(gone.output)")
        #expect(try self.sandbox("down").status == 0)
        #expect(!FileManager.default.fileExists(atPath: self.state))
        #expect(try Self.traces() == before)
    }

    @Test("a sandbox that is killed leaves no process, namespace, mount or rule")
    func killed() async throws {
        let before = try Self.traces()
        #expect(try self.sandbox("up", "--detach").status == 0)
        let text = try String(contentsOfFile: self.state + "/sandbox.pid", encoding: .utf8)
        let process = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(try self.kubectl("apply", "-f", Self.repository + "/k8s/sample/app.yaml").status == 0)
        #expect(try self.kubectl("rollout", "status", "deployment/echo", "--timeout=60s").status == 0)
        let below = Self.descendants(of: process)
        #expect(below.count >= 5)
        kill(process, SIGKILL)
        let deadline = ContinuousClock.now + .seconds(30)
        while below.contains(where: Self.isAlive), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(below.filter(Self.isAlive).isEmpty)
        #expect(try Self.traces() == before)
        // Its files are no obstacle for the next one.
        #expect(try self.sandbox("up", "--detach", "--no-hints").status == 0)
        #expect(try self.sandbox("down").status == 0)
    }

    @Test("users other than the administrator are who they should be, and wrong words are answered plainly")
    func users() async throws {
        let bad = try self.sandbox("up", "--image", "x=relative/path")
        #expect(bad.status != 0 && bad.output.contains("absolute path"))
        #expect(try self.sandbox("kubeconfig").output.contains("no sandbox runs"))
        #expect(try self.sandbox("status").status == 1)
        #expect(try self.sandbox("up", "--detach", "--kubeconfig", self.state + "-admin").status == 0)
        defer { _ = try? self.sandbox("down") }
        func pods(_ file: String) throws -> (status: Int32, output: String) {
            try Self.run(ProgramObstacle.kubectl ?? "kubectl", ["--kubeconfig", file, "get", "pods"])
        }
        #expect(try pods(self.state + "-admin").status == 0)
        #expect(try pods(self.state + "/kubeconfig-token").status == 0)
        #expect(try pods(self.state + "/kubeconfig-expired").output.contains("expired"))
        #expect(try pods(self.state + "/kubeconfig-nobody").output.contains("forbidden"))
        // The sandbox ends itself in good order: the kubeconfig that leads nowhere any more goes too.
        #expect(try self.sandbox("down").status == 0)
        let deadline = ContinuousClock.now + .seconds(30)
        while FileManager.default.fileExists(atPath: self.state + "-admin"), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(!FileManager.default.fileExists(atPath: self.state + "-admin"))
    }
}
