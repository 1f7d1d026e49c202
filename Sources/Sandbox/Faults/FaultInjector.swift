import NIOCore
import Synchronization

/// Disturbs the API as the present plan says.
///
/// Concurrency model: any thread; one mutex guards the plan and the open watches.
package final class FaultInjector: Sendable {
    private struct State {
        var plan = FaultPlan()
        var watches: [Int: AsyncStream<ByteBuffer>.Continuation] = [:]
        var forwards: [Int: (pod: String, channel: any Channel)] = [:]
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

    /// Notes a watch that is open, so that it can be cut; the number is for ``forget(_:)``.
    func add(watch: AsyncStream<ByteBuffer>.Continuation) -> Int {
        self.state.withLock { state in
            state.next += 1
            state.watches[state.next] = watch
            return state.next
        }
    }

    /// Notes a port-forward that is open, so that it can be cut.
    func add(forward channel: any Channel, to pod: String) {
        let number = self.state.withLock { state in
            state.next += 1
            state.forwards[state.next] = (pod, channel)
            return state.next
        }
        channel.closeFuture.whenComplete { [weak self] _ in
            _ = self?.state.withLock { $0.forwards.removeValue(forKey: number) }
        }
    }

    /// Ends the port-forwards that are open to pods which no port-forward is to lead to.
    func sever() {
        let open = self.state.withLock { state in state.forwards.values.filter { state.plan.severs($0.pod) } }
        for forward in open { forward.channel.close(promise: nil) }
    }

    /// Forgets a watch that has ended.
    func forget(_ watch: Int) {
        _ = self.state.withLock { $0.watches.removeValue(forKey: watch) }
    }

    /// Ends every watch that is open.
    package func cutWatches() {
        let open = self.state.withLock { Array($0.watches.values) }
        // Outside the lock, which is also taken when one has ended.
        for watch in open { watch.finish() }
    }
}
