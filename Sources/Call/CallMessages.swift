package import Message

/// The messages that come in on one direction of a call, in order.
///
/// To be read by one task.
///
/// It ends normally when the peer has sent everything; else by throwing a ``CallStatus``. Cancelling the reading task, or
/// letting go of the call, cancels the call.
package struct CallMessages<Element: WireMessage>: AsyncSequence, Sendable {
    package typealias Failure = CallStatus

    private let handle: CallHandle

    init(_ handle: CallHandle) {
        self.handle = handle
    }

    package func makeAsyncIterator() -> Iterator { Iterator(handle: handle) }

    /// Reads one message after another.
    package struct Iterator: AsyncIteratorProtocol {
        let handle: CallHandle

        package mutating func next() async throws(CallStatus) -> Element? {
            try await CallMessages.next(handle)
        }

        package mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(CallStatus) -> Element? {
            try await CallMessages.next(handle)
        }
    }

    /// The next message, or nil at a good end.
    package func next() async throws(CallStatus) -> Element? {
        try await Self.next(handle)
    }

    /// Gives the call up, from any thread: nothing more comes, and the peer is told.
    package func cancel() { handle.exchange.cancel() }

    private static func next(_ handle: CallHandle) async throws(CallStatus) -> Element? {
        switch await handle.exchange.next() {
        case .message(let bytes):
            do throws(WireError) {
                return try Element(decoding: bytes)
            } catch {
                handle.exchange.cancel()
                throw CallStatus(.internal, "a message could not be read: \(error.rawValue)")
            }
        case .end(let status):
            guard status.code == .ok else { throw status }
            return nil
        }
    }
}
