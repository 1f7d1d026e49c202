import Message

/// One call on one stream, seen from one side.
///
/// Pure: inputs return what to do.
///
///     client: awaiting head ──head──► receiving ──trailers──► done
///     server:                         receiving ──peer's end─► answering ──finish──► done
///
/// Every way out leads to `done`, once, with one `.end`; after that all inputs are ignored.
package struct CallStateMachine: ~Copyable {
    /// Which side this is.
    package enum Side: Sendable { case client, server }

    /// How the stream under a call has closed.
    package enum Closing: Sendable, Equatable {
        case finished
        /// Reset by the peer, with the HTTP/2 error code.
        case reset(UInt32)
        case linkLost(String)
    }

    /// What to do, in order.
    package enum Action: Sendable, Equatable {
        /// A message has come.
        case deliver([UInt8])
        /// The peer sends no more; for a client the call has ended with this status.
        case end(CallStatus)
        /// Server: the handler is to stop, nobody waits for it.
        case stop(CallStatus)
        /// Server: send these and end the stream.
        case trailers(CallStatus)
        /// Reset the stream with CANCEL.
        case reset
    }

    private enum State { case awaitingHead, receiving, answering, done }

    private let side: Side
    private var state: State
    private var frames: MessageFrames
    private var localEnded = false

    package init(_ side: Side, limit: Int = WireLimits.maximumMessageLength) {
        self.side = side
        self.state = side == .client ? .awaitingHead : .receiving
        self.frames = MessageFrames(limit: limit)
    }

    /// Nothing more will happen.
    package var isDone: Bool { state == .done }

    /// Client: a header block has come.
    package mutating func headers(_ fields: [String: String], endStream: Bool) -> [Action] {
        switch state {
        case .awaitingHead:
            if endStream { return finish(Self.status(fields)) }
            guard fields[":status"] == "200" else {
                let status = CallStatus(.unavailable, "HTTP status \(fields[":status"] ?? "missing")")
                return abandon(Self.code(fields) == nil ? status : Self.status(fields))
            }
            guard fields["content-type"] == CallFields.contentType else {
                return abandon(CallStatus(.unknown, "content-type is not that of a call"))
            }
            state = .receiving
            return []
        case .receiving where side == .client:
            guard frames.isEmpty else {
                return finish(CallStatus(.internal, "the response ended within a message"))
            }
            return finish(Self.status(fields))
        case .receiving, .answering, .done:
            return []
        }
    }

    /// Bytes of the peer's messages have come.
    package mutating func data(_ bytes: some Collection<UInt8>) -> [Action] {
        guard state == .receiving else {
            return state == .awaitingHead ? abandon(CallStatus(.internal, "data before the response head")) : []
        }
        do throws(MessageFrames.Failure) {
            return try frames.take(bytes).map { .deliver($0) }
        } catch {
            switch error {
            case .flags(let flags): return abandon(CallStatus(.internal, "unknown flags \(flags) on a message"))
            case .tooLarge(let length):
                return abandon(CallStatus(.resourceExhausted, "a message of \(length) bytes is over the limit"))
            }
        }
    }

    /// The peer has ended its side without trailers.
    package mutating func peerEnded() -> [Action] {
        switch state {
        case .awaitingHead: return finish(CallStatus(.unknown, "the response ended without a head"))
        case .receiving where side == .client:
            return finish(CallStatus(.unknown, "the response ended without a status"))
        case .receiving:
            guard frames.isEmpty else { return abandon(CallStatus(.internal, "the request ended within a message")) }
            state = .answering
            return [.end(.ok)]
        case .answering, .done: return []
        }
    }

    /// Client: this side has sent its last message.
    package mutating func ended() {
        localEnded = true
    }

    /// Server: the handler has returned.
    ///
    /// The trailers go out once.
    package mutating func finished(_ status: CallStatus) -> [Action] {
        guard state != .done, side == .server else { return [] }
        let inboundOpen = state == .receiving
        state = .done
        return (inboundOpen ? [.end(CallStatus(.cancelled, "the call has ended"))] : []) + [.trailers(status)]
    }

    /// The time is up.
    package mutating func deadline() -> [Action] {
        abandon(CallStatus(.deadlineExceeded, "the deadline has passed"))
    }

    /// This side gives up.
    package mutating func cancelled() -> [Action] {
        guard state != .done else { return [] }
        let status = CallStatus(.cancelled, "the call was cancelled")
        guard side == .server else { return abandon(status) }
        let inboundOpen = state == .receiving
        state = .done
        return (inboundOpen ? [.end(status)] : []) + [.stop(status), .reset]
    }

    /// The stream is gone.
    package mutating func closed(_ closing: Closing) -> [Action] {
        guard state != .done else { return [] }
        let status =
            switch closing {
            case .finished: CallStatus(.unknown, "the stream ended without a status")
            case .reset(8): CallStatus(.cancelled, "the other side cancelled the call")
            case .reset(7): CallStatus(.unavailable, "the other side refused the stream")
            case .reset(11): CallStatus(.resourceExhausted, "the other side is overloaded")
            case .reset(let code): CallStatus(.internal, "the stream was reset with code \(code)")
            case .linkLost(let reason): CallStatus(.unavailable, "the link is lost: \(reason)")
            }
        let inboundOpen = state != .answering
        state = .done
        return (inboundOpen ? [.end(status)] : []) + (side == .server ? [.stop(status)] : [])
    }

    /// Ends the call from this side, telling the other one.
    private mutating func abandon(_ status: CallStatus) -> [Action] {
        guard state != .done else { return [] }
        let inboundOpen = state != .answering
        state = .done
        let end: [Action] = inboundOpen ? [.end(status)] : []
        return side == .client ? end + [.reset] : end + [.stop(status), .trailers(status)]
    }

    /// Client: the peer has said how it ended.
    ///
    /// A request that is still open is of no use any more.
    private mutating func finish(_ status: CallStatus) -> [Action] {
        state = .done
        return [.end(status)] + (localEnded ? [] : [.reset])
    }

    private static func code(_ fields: [String: String]) -> CallCode? {
        fields[CallFields.status].flatMap { UInt32($0) }.map { CallCode(rawValue: $0) ?? .unknown }
    }

    private static func status(_ fields: [String: String]) -> CallStatus {
        guard let code = code(fields) else {
            let http = fields[":status"].map { " (HTTP status \($0))" } ?? ""
            return CallStatus(.unknown, "the response ended without a status\(http)")
        }
        return CallStatus(code, PercentEncoding.decode(fields[CallFields.message] ?? ""))
    }
}
