package import Message

/// Sends the messages of one direction of a call.
package struct CallWriter<Value: WireMessage>: Sendable {
    private let handle: CallHandle

    init(_ handle: CallHandle) {
        self.handle = handle
    }

    /// Sends a message; returns when there is room for another.
    ///
    /// - Throws: `resourceExhausted` when it is over the limit (nothing was sent, the call goes on); `cancelled` when the
    ///   call is over: the other direction says why.
    package func send(_ value: Value) async throws(CallStatus) {
        guard let frame = MessageFrames.frame(value.encoded()) else {
            throw CallStatus(.resourceExhausted, "a message over the limit of \(WireLimits.maximumMessageLength) bytes")
        }
        guard await handle.exchange.send(frame) else { throw CallStatus(.cancelled, "the call is over") }
    }

    /// Client: says that there are no more messages.
    package func finish() {
        handle.exchange.endRequests()
    }
}
