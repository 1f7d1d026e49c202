import NIOCore

/// Takes SPDY/3.1 frames apart, passing data on as it comes.
///
/// Header blocks stay compressed: whoever holds ``SPDYHeaders`` reads them, in order.
struct SPDYReader {
    /// What was found.
    enum Event: Equatable {
        case open(stream: UInt32, block: [UInt8], final: Bool)
        /// A piece of a data frame; `final` with the last piece of a last frame.
        case data(stream: UInt32, ByteBuffer, final: Bool)
        case reset(stream: UInt32)
        case ping(UInt32)
        case goAway
        /// Headers that nobody needs, but which the decompressor has to see.
        case headers(block: [UInt8])
    }

    /// Why a client is cut off.
    struct Violation: Error, Equatable {
        let reason: String
    }

    private var input = ByteBuffer()
    private var stream: UInt32 = 0
    private var left = 0
    private var final = false

    /// Adds bytes that have arrived.
    mutating func feed(_ buffer: ByteBuffer) {
        if self.input.readableBytes == 0 {
            self.input = buffer
        } else {
            self.input.writeImmutableBuffer(buffer)
        }
    }

    /// The next event; nil when more bytes are needed.
    mutating func next() throws(Violation) -> Event? {
        while true {
            if self.left > 0 {
                let count = min(self.left, self.input.readableBytes)
                guard count > 0, let piece = self.input.readSlice(length: count) else { return nil }
                self.left -= count
                return .data(stream: self.stream, piece, final: self.final && self.left == 0)
            }
            var peek = self.input
            guard let first: UInt32 = peek.readInteger(), let second: UInt32 = peek.readInteger() else { return nil }
            let length = Int(second & 0xFF_FFFF)
            let flags = UInt8(second >> 24)
            if first >> 31 == 0 {
                self.input = peek
                self.stream = first
                self.left = length
                self.final = flags & 1 != 0
                if length == 0 { return .data(stream: first, ByteBuffer(), final: self.final) }
                continue
            }
            guard first >> 16 & 0x7FFF == 3 else { throw Violation(reason: "not SPDY version 3") }
            guard length <= 64 << 10 else { throw Violation(reason: "a control frame of \(length) bytes") }
            guard let body = peek.readSlice(length: length) else { return nil }
            self.input = peek
            if let event = try Self.control(UInt16(first & 0xFFFF), flags, body) { return event }
        }
    }

    private static func control(_ type: UInt16, _ flags: UInt8, _ body: ByteBuffer) throws(Violation) -> Event? {
        var body = body
        func number() throws(Violation) -> UInt32 {
            guard let number: UInt32 = body.readInteger() else {
                throw Violation(reason: "a control frame is too short")
            }
            return number
        }
        switch type {
        case 1:
            let stream = try number() & 0x7FFF_FFFF
            _ = try number()
            guard body.readableBytes >= 2 else { throw Violation(reason: "a SYN_STREAM frame is too short") }
            body.moveReaderIndex(forwardBy: 2)
            return .open(stream: stream, block: Array(body.readableBytesView), final: flags & 1 != 0)
        case 2, 8:
            _ = try number()
            return .headers(block: Array(body.readableBytesView))
        case 3: return .reset(stream: try number() & 0x7FFF_FFFF)
        case 6: return .ping(try number())
        case 7: return .goAway
        // SETTINGS and WINDOW_UPDATE: the clients keep no windows.
        default: return nil
        }
    }

    /// The head of a data frame.
    static func data(stream: UInt32, length: Int, final: Bool) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(8)
        buffer.writeInteger(stream)
        buffer.writeInteger(UInt32(length) | (final ? 1 << 24 : 0))
        return buffer
    }

    /// SYN_REPLY.
    static func reply(stream: UInt32, block: [UInt8]) -> ByteBuffer {
        self.control(2, body: 4 + block.count) {
            $0.writeInteger(stream)
            $0.writeBytes(block)
        }
    }

    /// RST_STREAM; status 3 refuses a stream, 5 cancels it.
    static func reset(stream: UInt32, status: UInt32) -> ByteBuffer {
        self.control(3, body: 8) {
            $0.writeInteger(stream)
            $0.writeInteger(status)
        }
    }

    /// PING.
    static func ping(_ id: UInt32) -> ByteBuffer { self.control(6, body: 4) { $0.writeInteger(id) } }

    private static func control(_ type: UInt32, body: Int, _ write: (inout ByteBuffer) -> Void) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(0x8003_0000) | type)
        buffer.writeInteger(UInt32(body))
        write(&buffer)
        return buffer
    }
}
