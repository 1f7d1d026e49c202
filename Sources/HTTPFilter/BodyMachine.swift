/// Finds the end of a message's body.
///
/// Pure.
enum BodyMachine {
    case none
    case length(Int)
    case chunked(ChunkMachine)
    /// The body ends with the connection.
    case untilEnd

    /// Takes note of the next bytes: done means that so many of them end the body.
    mutating func advance(_ bytes: UnsafeRawBufferPointer) -> ChunkMachine.Progress {
        switch self {
        case .none: return .done(0)
        case .untilEnd: return .more
        case .length(let left):
            guard left > bytes.count else {
                self = .none
                return .done(left)
            }
            self = .length(left - bytes.count)
            return .more
        case .chunked(var machine):
            let progress = machine.advance(bytes)
            if case .done = progress { self = .none } else { self = .chunked(machine) }
            return progress
        }
    }

    /// The body of a request.
    init(request facts: HeadFacts) {
        self =
            switch (facts.coding, facts.length) {
            case (.chunked, _): .chunked(ChunkMachine())
            case (_, .some(let length)) where length > 0: .length(length)
            default: .none
            }
    }

    /// The body of a final response (RFC 9112, 6.3).
    init(response facts: HeadFacts, to expected: Expectation) {
        self =
            switch (facts.coding, facts.length) {
            case _ where expected.isHead || facts.status == 204 || facts.status == 304: .none
            case (.chunked, _): .chunked(ChunkMachine())
            case (.absent, .some(let length)): length > 0 ? .length(length) : .none
            default: .untilEnd
            }
    }
}
