internal import NIOCore

/// Reads the frames that a WebSocket server sends (RFC 6455 §5): payload of data frames is passed on as it comes, in slices.
///
/// Pure: bytes in, events out. Breaking the rules throws, after which nothing more may be fed.
struct WebSocketFrameReader: ~Copyable {
    enum Event: Equatable {
        /// A piece of a binary message. `first`: it begins a message; `last`: it ends the message.
        case data(ByteBuffer, first: Bool, last: Bool)
        case ping(ByteBuffer)
        case pong
        /// The peer closes; code and reason, when it gave them.
        case close(code: UInt16?, reason: String)
    }

    struct Violation: Error, Equatable {
        let problem: String
    }

    private struct Frame {
        var opcode: UInt8
        var final: Bool
        var remaining: Int
    }

    private var pending = ByteBuffer()
    private var frame: Frame?
    /// Whether a message has begun and not ended.
    private var insideMessage = false
    /// Whether no byte of the current message was passed on yet.
    private var messageStart = true

    /// Adds bytes; then call ``next()`` until it gives nil.
    mutating func feed(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            pending.writeImmutableBuffer(bytes)
        }
    }

    mutating func next() throws(Violation) -> Event? {
        while true {
            guard let current = frame else {
                guard let header = try readHeader() else { return nil }
                frame = header
                continue
            }
            if current.opcode >= 8 {
                guard let payload = pending.readSlice(length: current.remaining) else { return nil }
                frame = nil
                return try control(current.opcode, payload)
            }
            let available = min(pending.readableBytes, current.remaining)
            if available == 0, current.remaining > 0 { return nil }
            let slice = pending.readSlice(length: available) ?? ByteBuffer()
            let ended = available == current.remaining
            frame =
                ended
                ? nil : Frame(opcode: current.opcode, final: current.final, remaining: current.remaining - available)
            let first = messageStart
            let last = ended && current.final
            messageStart = last
            insideMessage = !last
            return .data(slice, first: first, last: last)
        }
    }

    private mutating func control(_ opcode: UInt8, _ payload: ByteBuffer) throws(Violation) -> Event {
        switch opcode {
        case 8:
            var payload = payload
            let code = payload.readInteger(as: UInt16.self)
            return .close(code: code, reason: String(buffer: payload))
        case 9: return .ping(payload)
        case 10: return .pong
        default: throw Violation(problem: "unknown opcode \(opcode)")
        }
    }

    private mutating func readHeader() throws(Violation) -> Frame? {
        let start = pending.readerIndex
        guard let bits: UInt8 = pending.getInteger(at: start), let size: UInt8 = pending.getInteger(at: start + 1)
        else {
            return nil
        }
        guard bits & 0x70 == 0 else { throw Violation(problem: "reserved bits are set") }
        guard size & 0x80 == 0 else { throw Violation(problem: "a server may not mask") }
        let opcode = bits & 0xF
        let final = bits & 0x80 != 0
        let length: Int
        let headerLength: Int
        switch size {
        case 126:
            guard let value: UInt16 = pending.getInteger(at: start + 2) else { return nil }
            (length, headerLength) = (Int(value), 4)
        case 127:
            guard let value: UInt64 = pending.getInteger(at: start + 2) else { return nil }
            guard value <= 1 << 32 else { throw Violation(problem: "a frame of \(value) bytes") }
            (length, headerLength) = (Int(value), 10)
        default: (length, headerLength) = (Int(size), 2)
        }
        switch opcode {
        case 0: guard insideMessage else { throw Violation(problem: "a continuation of nothing") }
        case 1, 2: guard !insideMessage else { throw Violation(problem: "a message inside a message") }
        case 8, 9, 10: guard final, length <= 125 else { throw Violation(problem: "a control frame too long") }
        default: throw Violation(problem: "unknown opcode \(opcode)")
        }
        pending.moveReaderIndex(forwardBy: headerLength)
        return Frame(opcode: opcode, final: final, remaining: length)
    }
}
