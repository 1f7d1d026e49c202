import NIOCore
import Synchronization

/// Disturbs the API as the present plan says.
///
/// Concurrency model: any thread; one mutex guards the plan and the open watches.
package final class FaultInjector: Sendable {
    private struct State {
        var plan = FaultPlan()
        var watches: [Int: AsyncStream<ByteBuffer>.Continuation] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    /// Nothing goes wrong yet.
    package init() {}

    /// What goes wrong at present.
    package var plan: FaultPlan {
        get { self.state.withLock { $0.plan } }
        set { self.state.withLock { $0.plan = newValue } }
    }

    /// Holds a request back as long as the plan says, and fails it when it is among those that are to.
    func disturb(_ request: APIRequest, by user: UserInfo) async throws(StatusError) {
        let plan = self.plan
        guard plan.disturbsRequests else { return }
        let agent = request.header("user-agent") ?? ""
        if !plan.only.isEmpty, !plan.only.contains(where: { user.name.hasPrefix($0) || agent.hasPrefix($0) }) { return }
        if plan.delay > 0 { try? await Task.sleep(for: .milliseconds(plan.delay)) }
        // One draw for both, so that the shares add up.
        let draw = Double.random(in: 0..<1)
        if draw < plan.throttle {
            throw .tooManyRequests(
                "the server has received too many requests and has asked us to try again later",
                retryAfter: plan.retryAfter
            )
        }
        if draw < plan.throttle + plan.errors {
            throw StatusError(
                code: plan.errorCode,
                reason: plan.errorCode == 503 ? "ServiceUnavailable" : "InternalError",
                message: "a fault was asked for: sandbox fault --errors"
            )
        }
    }

    /// The answer to a watch as it passes on what comes, until the watch is cut.
    func wrap(_ response: APIResponse) -> APIResponse {
        guard response.status == 200, case .stream(let pieces) = response.body else { return response }
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        let (id, seconds) = self.state.withLock { state in
            state.next += 1
            state.watches[state.next] = continuation
            return (state.next, state.plan.watchSeconds)
        }
        let pump = Task {
            for await piece in pieces { continuation.yield(piece) }
            continuation.finish()
        }
        let end = Task {
            guard seconds > 0 else { return }
            try await Task.sleep(for: .seconds(seconds))
            continuation.finish()
        }
        continuation.onTermination = { [weak self] _ in
            pump.cancel()
            end.cancel()
            _ = self?.state.withLock { $0.watches.removeValue(forKey: id) }
        }
        var wrapped = APIResponse(status: response.status, contentType: "", body: .stream(stream))
        wrapped.headers = response.headers
        return wrapped
    }

    /// Ends every watch that is open.
    package func cutWatches() {
        let open = self.state.withLock { Array($0.watches.values) }
        // Ending one calls its `onTermination`, which takes the lock.
        for watch in open { watch.finish() }
    }
}
