import Cluster
import Foundation
import TestSupport
import Testing

@testable import Sandbox

/// `kubectl exec` and `kubectl attach`, by WebSocket and by SPDY.
@Suite(
    .ownThreads,
    .serialized,
    .enabled(if: NodeFixture.obstacle == nil && Kubectl.path != nil, "needs root, the sandbox, kubectl")
)
struct ExecTests {
    private func kubectl(
        _ node: NodeFixture,
        _ arguments: [String],
        webSockets: Bool = true,
        input: String? = nil
    ) async throws -> Kubectl.Result {
        let kubeconfig = StateDirectory(path: node.directory).kubeconfig
        let environment = ["KUBECTL_REMOTE_COMMAND_WEBSOCKETS": webSockets ? "true" : "false"]
        let result = try await within(.seconds(40)) {
            try await Kubectl(kubeconfig: kubeconfig, environment: environment).run(arguments, input: input)
        }
        // kubectl may read before it has made its streams; then it logs that the empty message with which API servers begin has none.
        let lines = result.errors.split(separator: "\n", omittingEmptySubsequences: false)
        let errors = lines.filter { !$0.contains("Unknown stream id 1, discarding message") }.joined(separator: "\n")
        return Kubectl.Result(status: result.status, output: result.output, errors: errors)
    }

    @Test("exec carries input, both outputs and the exit status, and attach joins the container's own process")
    func exec() async throws {
        try await NodeFixture.with { node in
            try await node.run(
                "app",
                "while read line; do echo \"got $line\"; done",
                container: ["stdin": true, "stdinOnce": true]
            )
            try await node.wait("the container") { node.pod("app")?.readySince != nil }
            for webSockets in [true, false] {
                let plain = try await self.kubectl(
                    node,
                    ["exec", "app", "--", "sh", "-c", "hostname; echo bad >&2; exit 7"],
                    webSockets: webSockets
                )
                #expect(plain.status == 7 && plain.output == "app\n", "\(plain)")
                #expect(plain.errors == "bad\ncommand terminated with exit code 7\n", "\(plain)")
                let lines = String(repeating: "0123456789abcdef\n", count: 20_000)
                let copied = try await self.kubectl(
                    node,
                    ["exec", "-i", "app", "--", "sh", "-c", "cat; echo end"],
                    webSockets: webSockets,
                    input: lines
                )
                #expect(copied.status == 0 && copied.output == lines + "end\n", "\(copied.errors)")
            }
            let missing = try await self.kubectl(node, ["exec", "app", "--", "no-such-program"])
            #expect(missing.status != 0 && missing.errors.contains("executable file not found in $PATH"), "\(missing)")
            let none = try await self.kubectl(node, ["exec", "app", "-c", "other", "--", "true"])
            #expect(none.errors.contains("container other is not valid for pod app"), "\(none)")
            let attached = try await self.kubectl(node, ["attach", "-i", "app"], input: "one\ntwo\n")
            #expect(attached.output.contains("got one\n"), "\(attached)")
        }
    }

    @Test("a terminal has a size, one output, and is the process's own")
    func terminal() async throws {
        try await NodeFixture.with { node in
            try await node.run("app", "sleep 1000")
            try await node.wait("the container") { node.pod("app")?.readySince != nil }
            let pod = try #require(node.pod("app"))
            var options = ExecOptions(container: "main")
            options.command = ["sh", "-c", "read x; stty size; echo \"<$x>\" >&2; exit 3"]
            (options.input, options.output, options.terminal) = (true, true, true)
            let session = try await node.cluster.access.exec(pod, options)
            session.resize(100, 40)
            let input = FileHandle(fileDescriptor: session.input ?? -1, closeOnDealloc: true)
            let output = FileHandle(fileDescriptor: session.output ?? -1, closeOnDealloc: true)
            try input.write(contentsOf: Data("hello\n".utf8))
            let outcome = try await within { await session.exit() }
            #expect(outcome == .status(3))
            let text = String(decoding: Lines.read(output), as: UTF8.self)
            #expect(text.contains("40 100\r\n") && text.contains("<hello>\r\n"), "\(text)")
            session.closed()
        }
    }
}
