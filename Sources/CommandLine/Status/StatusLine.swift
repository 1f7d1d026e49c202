import Call
import Foundation
import Message

/// A component's service `Status`, as the commands see it: asked on a daemon's socket, for itself or for one behind it.
struct StatusLine: Sendable {
    private let line: CallLine
    private let target: String

    /// Opens the way to the component that a person names; nil and `userd` is the user daemon.
    ///
    /// Fails where the daemon does not run, and for names that mean nothing.
    static func open(_ name: String?, paths: StatePaths, use: String?) async throws -> StatusLine {
        guard let target = StatusTarget(name ?? "") else {
            throw CommandError(
                "\"\(name ?? "")\" is no component",
                remedy: "--of userd, rootd, manager, agent/POD, agent/NAMESPACE/POD or session/ID",
                exitCode: 64
            )
        }
        if target == .rootDaemon {
            guard let line = try? await CallLine(path: paths.rootDaemonSocket) else {
                throw CommandError("the root daemon is not running", remedy: "telepresence connect")
            }
            return StatusLine(line: line, target: "")
        }
        guard let line = try? await CallLine(path: paths.userDaemonSocket(name: use)) else {
            let which = use.map { " (no connection is called \($0))" } ?? ""
            throw CommandError("not connected\(which)", remedy: "telepresence connect")
        }
        return StatusLine(line: line, target: target == .userDaemon ? "" : target.text)
    }

    /// Gives each report to `body`, the snapshot's parts first.
    func watch(once: Bool, _ body: (StatusReport) throws -> Void) async throws {
        let request = StatusRequest(target: target, once: once)
        try await translating {
            for try await report in try await line.client.serverStream(StatusCalls.watch, request) {
                try body(report)
            }
        }
    }

    /// The state now.
    func snapshot() async throws -> StatusReport {
        var state = StatusReport()
        try await watch(once: true) { state.apply($0) }
        return state
    }

    /// Gives each line of the log to `body`.
    func logs(_ request: LogRequest, _ body: (LogLine) throws -> Void) async throws {
        var request = request
        request.target = target
        let sent = request
        try await translating {
            for try await entry in try await line.client.serverStream(StatusCalls.logs, sent) { try body(entry) }
        }
    }

    /// Changes what is logged.
    func setLevel(_ request: LogLevelRequest) async throws -> LogLevelResult {
        var request = request
        request.target = target
        let sent = request
        return try await translating {
            try await line.client.unary(StatusCalls.setLogLevel, sent, timeout: .seconds(20))
        }
    }

    /// Closes the way.
    func close() async {
        await line.close()
    }

    private func translating<Value>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let status as CallStatus {
            if status.code == .unimplemented {
                throw CommandError("the component does not know this call: its version is older than this command's")
            }
            throw CommandError(status.message.isEmpty ? "\(status.code.name)" : status.message)
        }
    }
}
