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
        /// From here on these are bytes, no messages: another protocol, or nothing that could be understood.
        case raw
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

    /// A request is passed on.
    package mutating func expect(_ expectation: Expectation) {
        expected.append(expectation)
        if expectation.maySwitch { isSwitchPending = true }
    }

    /// Takes note of what has come; ``outstanding`` is right afterwards.
    package mutating func follow(_ buffer: ByteBuffer) -> Outcome {
        if partial.readableBytes > 0 { return followRest(buffer) }
        return buffer.withUnsafeReadableBytes { follow($0) }
    }

    /// Bytes behind a part of a head.
    private mutating func followRest(_ buffer: ByteBuffer) -> Outcome {
        var whole = partial
        partial = ByteBuffer()
        whole.writeImmutableBuffer(buffer)
        return whole.withUnsafeReadableBytes { follow($0) }
    }

    private mutating func follow(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        var start = 0
        while start < bytes.count {
            let rest = bytes.part(start..<bytes.count)
            switch place {
            case .body(var body):
                let progress = body.advance(rest)
                switch progress {
                case .malformed: return .raw
                case .more:
                    place = .body(body)
                    return .following
                case .done(let count):
                    start += count
                    finish()
                }
            case .head:
                guard let expectation = expected.first else { return .raw }
                switch head.advance(rest) {
                case .malformed: return .raw
                case .more:
                    partial.writeBytes(rest)
                    return .following
                case .complete(let count):
                    start += count
                    guard take(head.facts, expectation) else { return .raw }
                    head = HeadMachine(.response)
                }
            }
        }
        return .following
    }

    /// A head is complete; false where what follows is no HTTP.
    private mutating func take(_ facts: HeadFacts, _ expectation: Expectation) -> Bool {
        // RFC 9110, 15.2: interim responses come before the real one.
        if facts.status < 200 { return facts.status != 101 }
        if expectation.isConnect, facts.status < 300 { return false }
        if expectation.maySwitch { isSwitchPending = false }
        let body = BodyMachine(response: facts, to: expectation)
        if case .none = body { finish() } else { place = .body(body) }
        return true
    }

    private mutating func finish() {
        _ = expected.popFirst()
        place = .head
    }
}
