import Actor
import Call
import HTTP2
import Message

/// Translates between the calls of the command line and the user daemon's actor.
///
/// Holds nothing else.
struct UserDaemonHandler: Sendable {
    let daemon: UserDaemon
    /// Called with the caller's link when it wants the daemon to end; the answer is not yet on its way.
    let stop: @Sendable (Link) -> Void

    /// Registers all methods.
    func register(on router: inout CallRouter) {
        router.unary(UserDaemonCalls.version) { _, _ in
            VersionInfo(version: ProductVersion.text, name: "userd")
        }
        router.unary(UserDaemonCalls.status) { [daemon] _, _ in
            await daemon.status()
        }
        router.serverStream(UserDaemonCalls.connect) { [daemon] request, writer, _ in
            let progress = ProgressStream<ConnectEvent>(writer) { .progress($0) }
            let info = try await progress.during { report throws(DaemonFailure) in
                try await daemon.connect(request, progress: report)
            }
            try await writer.send(.connected(info))
        }
        router.unary(UserDaemonCalls.list) { [daemon] request, _ in
            do throws(DaemonFailure) {
                return WorkloadList(workloads: try await daemon.list(namespace: request.namespace))
            } catch {
                throw error.callStatus
            }
        }
        router.serverStream(UserDaemonCalls.intercept) { [daemon] request, writer, _ in
            let progress = ProgressStream<InterceptEvent>(writer) { .progress($0) }
            let attachment = try await progress.during { report throws(DaemonFailure) in
                try await daemon.intercept(
                    request.spec,
                    mount: MountWish(request),
                    toPod: request.toPod,
                    progress: report
                )
            }
            do {
                try await writer.send(.attachment(attachment))
            } catch {
                // Nobody has heard of it; what a task does that is cancelled is cancelled, too.
                Task { await daemon.abandon(attachment.id) }
                throw error
            }
        }
        router.unary(UserDaemonCalls.leave) { [daemon] request, _ in
            do throws(DaemonFailure) {
                try await daemon.leave(
                    name: request.name,
                    namespace: request.namespace,
                    container: request.container
                )
                return Empty()
            } catch {
                throw error.callStatus
            }
        }
        router.unary(UserDaemonCalls.awaitEnd) { [daemon] request, _ in
            let reason = await daemon.end(of: request.attachmentID)
            // Its handler is gone, or whoever has started that; the task itself is over.
            if Task.isCancelled, request.isOwner { Task { await daemon.abandon(request.attachmentID) } }
            return AttachmentEnd(reason: reason)
        }
        router.unary(UserDaemonCalls.revoke) { [daemon] order, _ in
            do throws(DaemonFailure) {
                try await daemon.revoke(holder: order.session, name: order.name, namespace: order.namespace)
                return Empty()
            } catch {
                throw error.callStatus
            }
        }
        router.unary(UserDaemonCalls.removeAgents) { [daemon] request, _ in
            do throws(DaemonFailure) {
                return try await daemon.removeAgents(request)
            } catch {
                throw error.callStatus
            }
        }
        router.unary(UserDaemonCalls.quit) { [daemon, stop] request, context in
            await daemon.quit()
            if request.stopDaemons { stop(context.link) }
            return Empty()
        }
    }
}

/// Sends progress on a server stream in the order in which it was reported, while a piece of work runs.
private struct ProgressStream<Event: WireMessage>: Sendable {
    private let writer: CallWriter<Event>
    private let event: @Sendable (ProgressUpdate) -> Event

    init(_ writer: CallWriter<Event>, _ event: @escaping @Sendable (ProgressUpdate) -> Event) {
        self.writer = writer
        self.event = event
    }

    func during<Value: Sendable>(
        _ body: @Sendable (@escaping ProgressReport) async throws(DaemonFailure) -> Value
    ) async throws(CallStatus) -> Value {
        // The latest few are enough for somebody who watches.
        let (updates, feed) = AsyncStream.makeStream(of: ProgressUpdate.self, bufferingPolicy: .bufferingNewest(16))
        let sending = Task { [writer, event] in
            for await update in updates { try? await writer.send(event(update)) }
        }
        let result: Result<Value, DaemonFailure>
        do throws(DaemonFailure) {
            result = .success(
                try await body { phase, message in
                    var update = ProgressUpdate()
                    update.phase = phase
                    update.message = message
                    feed.yield(update)
                }
            )
        } catch {
            result = .failure(error)
        }
        feed.finish()
        await sending.value
        switch result {
        case .success(let value): return value
        case .failure(let failure): throw failure.callStatus
        }
    }
}
