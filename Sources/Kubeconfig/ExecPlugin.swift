internal import Cluster
internal import Dispatch
internal import Foundation
internal import Synchronization

/// Runs a credential plugin: no terminal, bounded in time and output.
struct ExecPlugin: Sendable {
    let command: String
    let arguments: [String]
    let environment: [String: String]
    /// What a command with a slash is relative to.
    let directory: String
    let timeout: Duration

    /// The most that is read of what the plugin prints.
    private static let outputLimit = 1 << 20

    /// Runs the plugin to its end and returns what it printed.
    @concurrent
    func run() async throws(CredentialError) -> [UInt8] {
        let path = try executable()
        let outcome = await withCheckedContinuation { continuation in
            let promise = Promise(continuation)
            start(path, promise)
        }
        return try outcome.get()
    }

    private func executable() throws(CredentialError) -> String {
        if command.contains("/") {
            let path = command.hasPrefix("/") || directory.isEmpty ? command : directory + "/" + command
            guard FileManager.default.isExecutableFile(atPath: path) else {
                throw CredentialError(description: "\(path) is not there or cannot be run")
            }
            return path
        }
        let folders = (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        for folder in folders {
            let path = "\(folder)/\(command)"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw CredentialError(description: "\(command) is not installed (not found in PATH)")
    }

    private func start(_ path: String, _ promise: Promise) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = environment
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        let errors = Pipe()
        process.standardOutput = output
        process.standardError = errors
        do {
            try process.run()
        } catch {
            promise.finish(
                .failure(CredentialError(description: "\(path) cannot be run: \(error.localizedDescription)"))
            )
            return
        }
        let identifier = process.processIdentifier
        let seconds = timeout
        let late = CredentialError(description: "\(path) did not end within \(seconds.components.seconds) s")
        DispatchQueue.global().asyncAfter(deadline: .now() + .seconds(Int(seconds.components.seconds))) {
            guard promise.finish(.failure(late)) else { return }
            // Foundation starts the child in a process group of its own: its children go with it.
            kill(-identifier, SIGKILL)
            kill(identifier, SIGKILL)
        }
        Self.collect(process, output.fileHandleForReading, errors.fileHandleForReading, path, promise)
    }

    /// Everything up to the end of a pipe; Foundation's own reads give up when a signal interrupts them.
    private static func drain(_ pipe: FileHandle) -> Data {
        var all = Data()
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe read(pipe.fileDescriptor, &buffer, buffer.count)
            if count > 0 {
                all.append(contentsOf: buffer[..<count])
            } else if count == 0 || errno != EINTR {
                return all
            }
        }
    }

    private static func collect(
        _ process: Process,
        _ output: FileHandle,
        _ errors: FileHandle,
        _ path: String,
        _ promise: Promise
    ) {
        let complaint = Complaint()
        let group = DispatchGroup()
        DispatchQueue.global().async(group: group) {
            complaint.set(drain(errors))
        }
        DispatchQueue.global().async {
            let printed = drain(output)
            group.wait()
            process.waitUntilExit()
            guard process.terminationStatus == 0 else {
                let words = String(decoding: complaint.get().suffix(2000), as: UTF8.self)
                    .trimmingCharacters(in: .whitespacesAndNewlines)
                promise.finish(
                    .failure(
                        CredentialError(
                            description: "\(path) ended with status \(process.terminationStatus)"
                                + (words.isEmpty ? "" : ": \(words)")
                        )
                    )
                )
                return
            }
            guard printed.count <= outputLimit else {
                promise.finish(.failure(CredentialError(description: "\(path) printed more than \(outputLimit) bytes")))
                return
            }
            promise.finish(.success([UInt8](printed)))
        }
    }
}

extension ExecPlugin {
    /// Ends the wait exactly once, whoever comes first.
    private final class Promise: Sendable {
        private let continuation: Mutex<CheckedContinuation<Result<[UInt8], CredentialError>, Never>?>

        init(_ continuation: CheckedContinuation<Result<[UInt8], CredentialError>, Never>) {
            self.continuation = Mutex(continuation)
        }

        /// Whether this call was the one that ended it.
        @discardableResult
        func finish(_ result: Result<[UInt8], CredentialError>) -> Bool {
            let waiting = continuation.withLock { continuation in
                defer { continuation = nil }
                return continuation
            }
            waiting?.resume(returning: result)
            return waiting != nil
        }
    }

    /// What the plugin wrote to its standard error.
    private final class Complaint: Sendable {
        private let data = Mutex(Data())

        func set(_ value: Data) { data.withLock { $0 = value } }
        func get() -> Data { data.withLock { $0 } }
    }
}
