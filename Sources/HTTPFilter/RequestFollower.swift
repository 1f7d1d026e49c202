/// Follows what a client sends in HTTP/1.1: finds each request's head and the end of its body.
///
/// Pure: bytes in, decisions out; it keeps no byte and changes none. The owner shows it what has come and not been passed on:
///
///     head ──accept──► body ──last byte──► head
///      └──────────malformed──► (nothing more is understood)
///
/// What is malformed or ambiguous is to be passed on as it is, and never looked at again (RFC 9112, 11.2).
package struct RequestFollower {
    /// What stands at the beginning of the bytes.
    package enum Found: Equatable {
        /// Part of a head: nothing can be decided yet.
        case partialHead
        /// A head of so many bytes; stays so until ``accept()``.
        case head(Int)
        /// So many bytes of the accepted request's body.
        case body(Int)
        /// No HTTP/1.1, or none that everybody would understand in the same way.
        case malformed
    }

    private var head = HeadMachine(.request)
    private var body = BodyMachine.none
    private var inBody = false
    private var isMalformed = false

    package init() {}

    /// Between requests: the last one's body is over.
    package var isAtHead: Bool { !inBody }

    /// Looks at the bytes; asks again, for the rest, after each answer.
    ///
    /// Bytes of a body are the owner's to pass on, and are not shown again; those of a head are, until it is accepted.
    package mutating func look(_ bytes: UnsafeRawBufferPointer) -> Found {
        guard !isMalformed else { return .malformed }
        if !inBody {
            switch head.advance(bytes) {
            case .more: return .partialHead
            case .complete(let count): return .head(count)
            case .malformed: break
            }
        } else {
            switch body.advance(bytes) {
            case .more: return .body(bytes.count)
            case .done(let count):
                inBody = false
                return .body(count)
            case .malformed: break
            }
        }
        isMalformed = true
        return .malformed
    }

    /// What the head found says of its response.
    package var expectation: Expectation { Expectation(head.facts) }

    /// The head found, to be matched with filters.
    ///
    /// `bytes` are those in which it was found; the view is valid as long as they are.
    package func view(_ bytes: UnsafeRawBufferPointer) -> HeadView { HeadView(bytes: bytes, facts: head.facts) }

    /// The owner has taken the head: what follows is its body, or the next head.
    package mutating func accept() {
        body = BodyMachine(request: head.facts)
        if case .none = body { inBody = false } else { inBody = true }
        head = HeadMachine(.request)
    }
}
