import Call
import Message
import Synchronization

/// Waits for the peer's word on a reverse link: the manager's, or an agent's.
final class LinkAdmission: Sendable {
    private let verdicts: AsyncStream<CallStatus?>
    private let emit: AsyncStream<CallStatus?>.Continuation

    /// How the peer is called in messages.
    private let peer: String

    init(by peer: String = "the traffic manager") {
        self.peer = peer
        (verdicts, emit) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
    }

    /// Answers the peer's call.
    var router: CallRouter {
        var router = CallRouter()
        router.unary(WorkstationCalls.admit) { [emit] verdict, _ in
            let isTaken = verdict.code == UInt32(CallCode.ok.rawValue)
            emit.yield(isTaken ? nil : CallStatus(CallCode(rawValue: verdict.code) ?? .unknown, verdict.message))
            return Empty()
        }
        return router
    }

    /// The link has ended; without a word that is one, too.
    func closed(_ reason: String) {
        emit.yield(CallStatus(.unavailable, "\(peer) has refused the reverse link: \(reason)"))
    }

    /// Waits; to be called once.
    ///
    /// - Throws: Why the link was refused or lost; `deadlineExceeded` when nothing was said in time.
    func verdict(within patience: Duration) async throws(CallStatus) {
        let alarm = Task { [emit, peer] in
            try? await Task.sleep(for: patience)
            emit.yield(CallStatus(.deadlineExceeded, "\(peer) says nothing about the reverse link"))
        }
        defer { alarm.cancel() }
        for await verdict in verdicts {
            guard let verdict else { return }
            throw verdict
        }
        throw CallStatus(.cancelled, "interrupted")
    }
}
