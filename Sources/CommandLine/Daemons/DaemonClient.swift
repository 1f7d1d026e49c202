import Call
import Foundation
import Message

/// The user daemon, as the commands see it.
package struct DaemonClient: Sendable {
    private let line: CallLine
    private let socket: String
    private var client: CallClient { line.client }

    // MARK: - Finding it

    /// The daemon of the connection called `name`, or nil where none runs.
    package static func running(paths: StatePaths, name: String?) async throws -> DaemonClient? {
        let socket = paths.userDaemonSocket(name: name)
        guard let line = try? await CallLine(path: socket) else { return nil }
        return DaemonClient(line: line, socket: socket)
    }

    /// The daemon of a connection that must be there.
    package static func connected(paths: StatePaths, name: String?) async throws -> DaemonClient {
        guard let client = try await running(paths: paths, name: name) else {
            let which = name.map { " (no connection is called \($0))" } ?? ""
            throw CommandError("not connected\(which)", remedy: "telepresence connect")
        }
        return client
    }

    /// The daemon, started if need be.
    package static func starting(paths: StatePaths, name: String?) async throws -> DaemonClient {
        if let client = try await running(paths: paths, name: name) { return client }
        let socket = paths.userDaemonSocket(name: name)
        let log = paths.userDaemonLog(name: name)
        let pid = try DetachedDaemon.start(
            [try DetachedDaemon.ownExecutable(), HiddenCommand.userDaemon, "--socket", socket, "--log", log],
            log: log
        )
        var found: DaemonClient?
        let answered = await Deadline.wait(seconds: 10) {
            found = try? await running(paths: paths, name: name)
            // A daemon that has ended will not answer any more.
            return found != nil || waitpid(pid, nil, WNOHANG) == pid
        }
        guard answered, let found else {
            throw CommandError("the user daemon did not start; its log is \(log)")
        }
        return found
    }

    // MARK: - Asking it

    func connect(
        _ request: ConnectRequest,
        progress: @escaping @Sendable (String) -> Void
    ) async throws -> ConnectionInfo {
        try await translating {
            for try await event in try await client.serverStream(UserDaemonCalls.connect, request, timeout: nil) {
                switch event {
                case .progress(let update): progress(update.message)
                case .connected(let info): return info
                case .unknown: break
                }
            }
            throw CommandError("the user daemon ended the call without an answer")
        }
    }

    func status() async throws -> StatusInfo {
        try await translating {
            try await client.unary(UserDaemonCalls.status, Empty(), timeout: .seconds(10))
        }
    }

    func list(namespace: String) async throws -> [Workload] {
        var request = ListRequest()
        request.namespace = namespace
        let sent = request
        return try await translating {
            try await client.unary(UserDaemonCalls.list, sent, timeout: .seconds(30)).workloads
        }
    }

    /// Makes an attachment, of whatever kind.
    func attach(
        _ spec: AttachmentSpec,
        mount: MountArgument = .none,
        toPod: [PortSpec] = [],
        mountsRoot: String = "",
        mountBeside: Bool = false,
        notice: @escaping @Sendable (String) -> Void = { _ in },
        progress: @escaping @Sendable (String) -> Void
    ) async throws -> Attachment {
        var request = InterceptRequest()
        request.spec = spec
        request.toPod = toPod
        request.mountsRoot = mountsRoot
        request.mountBeside = mountBeside
        switch mount {
        case .none: break
        case .fuse(let path, let readOnly):
            request.mount = "fuse"
            request.mountPoint = path
            request.mountReadOnly = readOnly
        case .sync: request.mount = "sync"
        case .automatic: request.mount = "auto"
        }
        let sent = request
        return try await translating {
            for try await event in try await client.serverStream(UserDaemonCalls.intercept, sent, timeout: nil) {
                switch event {
                case .progress(let update) where update.phase == ProgressUpdate.notice: notice(update.message)
                case .progress(let update): progress(update.message)
                case .attachment(let attachment): return attachment
                case .unknown: break
                }
            }
            throw CommandError("the user daemon ended the call without an answer")
        }
    }

    func leave(name: String, namespace: String, container: String = "") async throws {
        let sent = LeaveRequest(name: name, namespace: namespace, container: container)
        _ = try await translating {
            // A replaced container is back before the answer comes.
            try await client.unary(UserDaemonCalls.leave, sent, timeout: .seconds(300))
        }
    }

    /// Returns when an attachment has ended: why, as it follows on its name.
    ///
    /// It ends when the task is cancelled, or this process is gone, before it is left.
    ///
    /// - Throws: `CancellationError` where nobody wants to know any more.
    func end(of id: String) async throws -> String {
        do throws(CallStatus) {
            let request = AttachmentEndRequest(attachmentID: id, isOwner: true)
            return try await client.unary(UserDaemonCalls.awaitEnd, request, timeout: nil).reason
        } catch {
            // A daemon of an older version does not tell.
            while error.code == .unimplemented { try await Task.sleep(for: .seconds(3600)) }
            try Task.checkCancellation()
            return "has ended: the user daemon went away"
        }
    }

    func revoke(_ order: RevokeOrder) async throws {
        _ = try await translating {
            try await client.unary(UserDaemonCalls.revoke, order, timeout: .seconds(30))
        }
    }

    /// The pods as the cluster has them, or why they could not be read.
    func manifests(_ pods: [String]) async throws -> [Manifest] {
        try await translating {
            var manifests: [Manifest] = []
            let request = ManifestRequest(pods: pods)
            for try await manifest in try await client.serverStream(UserDaemonCalls.manifests, request, timeout: nil) {
                manifests.append(manifest)
            }
            return manifests
        }
    }

    /// Has the agents of workloads removed; returns when their pods have been replaced.
    func removeAgents(workloads: [String], all: Bool, namespace: String) async throws -> RemoveAgentsResult {
        let request = RemoveAgentsRequest(namespace: namespace, workloads: workloads, all: all)
        return try await translating {
            try await client.unary(UserDaemonCalls.removeAgents, request, timeout: .seconds(660))
        }
    }

    /// Disconnects; with `stopDaemons` returns once the daemon has ended, so that what comes next finds none.
    func quit(stopDaemons: Bool) async throws {
        var request = QuitRequest()
        request.stopDaemons = stopDaemons
        let sent = request
        _ = try await translating {
            try await client.unary(UserDaemonCalls.quit, sent, timeout: .seconds(30))
        }
        guard stopDaemons else { return }
        await line.close()
        _ = await Deadline.wait(seconds: 10) { (try? await CallLine(path: socket)) == nil }
    }

    func close() async {
        await line.close()
    }

    /// A call's status becomes an error with words of its own only where the daemon itself is gone.
    private func translating<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        do {
            return try await body()
        } catch let status as CallStatus {
            if status.code == .unavailable, status.message.isEmpty {
                throw CommandError("the user daemon went away", remedy: "telepresence connect")
            }
            throw CommandError(
                status.message.isEmpty ? "\(status.code)" : status.message,
                // The request was wrong in itself, as are arguments that are refused before anybody is asked.
                exitCode: status.code == .invalidArgument ? 64 : 1
            )
        }
    }
}
