internal import DequeModule
package import NIOCore

/// Follows what a server answers in HTTP/1.1: knows how many responses are still to come.
///
/// Pure. The bytes are passed on by the owner as they come; this only counts. Responses come in the order of their requests.
package struct ResponseFollower {
    /// What is known after some bytes.
    package enum Outcome: Equatable {
        /// All of it was understood.
        case following
        /// From here on these are bytes of another protocol, which the request asked for.
        case switched
        /// Nothing that could be understood: nobody knows where the answer ends.
        case lost
    }

    private enum Place {
        case head
        case body(BodyMachine)
    }

    private var expected: Deque<Expectation> = []
    private var head = HeadMachine(.response)
    /// A head of which not all has come.
    private var partial = ByteBuffer()
    private var place = Place.head

    package init() {}

    /// Responses that have not ended yet.
    package var outstanding: Int { expected.count }

    /// Whether a request that asks for another protocol has no final answer yet.
    package private(set) var isSwitchPending = false

    /// The last answer said that nothing follows it.
    package private(set) var isLast = false

    /// A request is passed on.
    package mutating func expect(_ expectation: Expectation) {
        expected.append(expectation)
        if expectation.maySwitch { isSwitchPending = true }
    }

    /// Takes note of what has come; ``outstanding`` is right afterwards.
    package mutating func follow(_ buffer: ByteBuffer) -> Outcome {
        if partial.readableBytes > 0 { return followRest(buffer) }
        let (outcome, unread) = buffer.withUnsafeReadableBytes { follow($0) }
        if unread > 0, let rest = buffer.getSlice(at: buffer.writerIndex - unread, length: unread) {
            partial.writeImmutableBuffer(rest)
        }
        return outcome
    }

    /// Bytes behind a part of a head.
    private mutating func followRest(_ buffer: ByteBuffer) -> Outcome {
        var whole = ByteBuffer()
        swap(&whole, &partial)
        whole.writeImmutableBuffer(buffer)
        let (outcome, unread) = whole.withUnsafeReadableBytes { follow($0) }
        whole.moveReaderIndex(to: whole.writerIndex - unread)
        if unread > 0 { partial = whole }
        return outcome
    }

    /// What is known, and how many bytes at the end are part of a head.
    private mutating func follow(_ bytes: UnsafeRawBufferPointer) -> (Outcome, unread: Int) {
        var start = 0
        while start < bytes.count {
            let rest = bytes.part(start..<bytes.count)
            switch place {
            case .body(var body):
                switch body.advance(rest) {
                case .malformed: return (.lost, 0)
                case .more:
                    place = .body(body)
                    return (.following, 0)
                case .done(let count):
                    start += count
                    finish()
                }
            case .head:
                // Nobody asked.
                guard let expectation = expected.first else { return (.lost, 0) }
                switch head.advance(rest) {
                case .malformed: return (.lost, 0)
                case .more: return (.following, rest.count)
                case .complete(let count):
                    start += count
                    let facts = head.facts
                    if Self.isSwitch(facts.status, expectation) { return (.switched, 0) }
                    take(facts, expectation)
                    head = HeadMachine(.response)
                }
            }
        }
        return (.following, 0)
    }

    /// What follows a head is no HTTP.
    private static func isSwitch(_ status: Int, _ expectation: Expectation) -> Bool {
        status == 101 || expectation.isConnect && status >= 200 && status < 300
    }

    /// A head is complete.
    private mutating func take(_ facts: HeadFacts, _ expectation: Expectation) {
        // RFC 9110, 15.2: interim responses come before the real one.
        if facts.status < 200 { return }
        if expectation.maySwitch { isSwitchPending = false }
        isLast = facts.isLast
        let body = BodyMachine(response: facts, to: expectation)
        if case .none = body { finish() } else { place = .body(body) }
    }

    private mutating func finish() {
        _ = expected.popFirst()
        place = .head
    }
}
