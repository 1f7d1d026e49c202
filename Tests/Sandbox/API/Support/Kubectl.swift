import Foundation
import Glibc

/// The real kubectl, run as a process.
struct Kubectl {
    struct Result {
        let status: Int32
        let output: String
        let errors: String
    }

    static let path = ["/usr/bin/kubectl", "/usr/local/bin/kubectl", "/bin/kubectl"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    let kubeconfig: String
    /// Added to the process's own.
    var environment: [String: String] = [:]

    /// Runs it to its end.
    func callAsFunction(_ arguments: String..., input: String? = nil) async throws -> Result {
        try await self.run(arguments, input: input)
    }

    func run(_ arguments: [String], input: String?) async throws -> Result {
        let process = try self.process(arguments)
        let (output, errors, stdin) = (Pipe(), Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = stdin
        try process.run()
        if let input { try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
        try stdin.fileHandleForWriting.close()
        async let text = Self.read(output)
        async let problems = Self.read(errors)
        let result = await (text, problems)
        process.waitUntilExit()
        return Result(status: process.terminationStatus, output: result.0, errors: result.1)
    }

    /// A process that is not started yet; ``end(_:)`` ends it.
    func process(_ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.path ?? "kubectl")
        process.arguments = ["--kubeconfig", self.kubeconfig, "--request-timeout", "30s"] + arguments
        // A cache of its own: what one server said must not be believed of another.
        let cache = URL(fileURLWithPath: self.kubeconfig).deletingLastPathComponent().path
        process.environment = ["HOME": cache, "PATH": "/usr/bin:/bin", "KUBECACHEDIR": cache + "/cache"]
            .merging(self.environment) { _, new in new }
        return process
    }

    /// Ends a process that would go on for ever; a plain SIGTERM may be blocked in it.
    static func end(_ process: Process) {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    private static func read(_ pipe: Pipe) async -> String {
        let handle = pipe.fileHandleForReading
        return await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                var all = Data()
                while true {
                    let piece = Lines.read(handle)
                    if piece.isEmpty { break }
                    all += piece
                }
                continuation.resume(returning: String(decoding: all, as: UTF8.self))
            }
        }
    }
}
