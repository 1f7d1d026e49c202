internal import NIOCore

/// Takes a server's SPDY/3.1 frames apart, passing data on as it comes.
///
/// Pure. Header blocks are skipped: nothing in the answer to a port-forward's streams is of interest, and what is not read need
/// not be decompressed.
struct SPDYFrameReader {
    enum Event: Equatable {
        /// Bytes of a stream; the stream's last where `isLast`.
        case data(UInt32, ByteBuffer, isLast: Bool)
        /// The peer has ended a stream by force.
        case reset(UInt32, status: UInt32)
        case ping(UInt32)
        /// The peer takes no new streams; those that are open go on.
        case goAway
    }

    struct Violation: Error, Equatable {
        let problem: String
    }

    private enum State {
        case head
        case data(UInt32, left: Int, isLast: Bool)
        /// RST_STREAM, PING or GOAWAY, which are short.
        case short(type: UInt16, length: Int)
        case skipping(left: Int)
    }

    private var input = ByteBuffer()
    private var state = State.head

    /// Adds bytes that have arrived.
    mutating func feed(_ buffer: ByteBuffer) {
        if input.readableBytes == 0 {
            input = buffer
        } else {
            input.writeImmutableBuffer(buffer)
        }
    }

    /// The next event; nil when more bytes are needed.
    mutating func next() throws(Violation) -> Event? {
        while true {
            switch state {
            case .head:
                guard try head() else { return nil }
            case .data(let stream, let left, let isLast):
                let count = min(left, input.readableBytes)
                guard count == left || count > 0, let bytes = input.readSlice(length: count) else { return nil }
                state = count == left ? .head : .data(stream, left: left - count, isLast: isLast)
                if count == 0, !isLast { continue }
                return .data(stream, bytes, isLast: isLast && count == left)
            case .skipping(let left):
                let count = min(left, input.readableBytes)
                input.moveReaderIndex(forwardBy: count)
                guard count == left else {
                    state = .skipping(left: left - count)
                    return nil
                }
                state = .head
            case .short(let type, let length):
                guard var payload = input.readSlice(length: length) else { return nil }
                state = .head
                guard let first: UInt32 = payload.readInteger() else { continue }
                switch type {
                case 3: return .reset(first & 0x7FFF_FFFF, status: payload.readInteger() ?? 0)
                case 6: return .ping(first)
                default: return .goAway
                }
            }
        }
    }

    /// Reads a frame's head; false when it is not there yet.
    private mutating func head() throws(Violation) -> Bool {
        guard input.readableBytes >= 8, let first: UInt32 = input.readInteger(),
            let second: UInt32 = input.readInteger()
        else { return false }
        let length = Int(second & 0xFF_FFFF)
        guard first & 0x8000_0000 != 0 else {
            state = .data(first, left: length, isLast: second & 0x0100_0000 != 0)
            return true
        }
        guard first >> 16 == 0x8003 else { throw Violation(problem: "a frame of version \(first >> 16 & 0x7FFF)") }
        let type = UInt16(truncatingIfNeeded: first)
        let expected = [3: 8, 6: 4, 7: 8][type]
        if let expected {
            guard length == expected else { throw Violation(problem: "a frame of type \(type) with \(length) bytes") }
            state = .short(type: type, length: length)
        } else {
            // SYN_REPLY, SETTINGS, HEADERS, WINDOW_UPDATE: there are no windows in port-forwards.
            guard type != 1 else { throw Violation(problem: "a stream of the server's own") }
            state = .skipping(left: length)
        }
        return true
    }
}
