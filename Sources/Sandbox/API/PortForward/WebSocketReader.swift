import NIOCore

/// Takes WebSocket frames from a client apart (RFC 6455), passing payload on as it comes.
///
/// Pure: no input or output of its own.
struct WebSocketReader {
    /// What was found.
    enum Event: Equatable {
        /// A data message begins.
        case begin
        /// Payload of the message, unmasked.
        case data(ByteBuffer)
        case ping(ByteBuffer)
        case close
    }

    /// Why a client is cut off.
    struct Violation: Error, Equatable {
        let reason: String
    }

    private var input = ByteBuffer()
    private var opcode: UInt8 = 0
    private var left: UInt64 = 0
    private var mask: (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)
    private var phase = 0
    private var inMessage = false

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
                let isControl = self.opcode >= 8
                // Control frames are short: they are taken whole.
                if isControl, self.input.readableBytes < Int(self.left) { return nil }
                let count = min(self.input.readableBytes, Int(clamping: self.left))
                guard count > 0, var payload = self.input.readSlice(length: count) else { return nil }
                self.unmask(&payload)
                self.left -= UInt64(count)
                if isControl { return self.control(payload) }
                return .data(payload)
            }
            guard let event = try self.header() else { return nil }
            if let found = event.event { return found }
        }
    }

    private func control(_ payload: ByteBuffer) -> Event? {
        switch self.opcode {
        case 8: .close
        case 9: .ping(payload)
        default: .data(ByteBuffer())
        }
    }

    /// Reads one header; nil when it is not there yet.
    private mutating func header() throws(Violation) -> (event: Event?, Void)? {
        var peek = self.input
        guard let first: UInt8 = peek.readInteger(), let second: UInt8 = peek.readInteger() else { return nil }
        guard first & 0x70 == 0 else { throw Violation(reason: "reserved bits are set") }
        guard second & 0x80 != 0 else { throw Violation(reason: "a client's frames have to be masked") }
        var length = UInt64(second & 0x7F)
        if length == 126 {
            guard let long: UInt16 = peek.readInteger() else { return nil }
            length = UInt64(long)
        } else if length == 127 {
            guard let long: UInt64 = peek.readInteger() else { return nil }
            length = long
        }
        guard length < 1 << 32 else { throw Violation(reason: "the frame is too long") }
        guard let a: UInt8 = peek.readInteger(), let b: UInt8 = peek.readInteger(), let c: UInt8 = peek.readInteger(),
            let d: UInt8 = peek.readInteger()
        else { return nil }
        self.input = peek
        self.mask = (a, b, c, d)
        self.phase = 0
        self.left = length
        let opcode = first & 0x0F
        let final = first & 0x80 != 0
        self.opcode = opcode
        switch opcode {
        case 1, 2:
            guard !self.inMessage else { throw Violation(reason: "a message begins within another") }
            self.inMessage = !final
            return (.begin, ())
        case 0:
            guard self.inMessage else { throw Violation(reason: "a continuation without a message") }
            self.inMessage = !final
            return (nil, ())
        case 8, 9, 10:
            guard final, length <= 125 else { throw Violation(reason: "a bad control frame") }
            if length > 0 { return (nil, ()) }
            return (opcode == 10 ? nil : self.control(ByteBuffer()), ())
        default: throw Violation(reason: "unknown opcode \(opcode)")
        }
    }

    private mutating func unmask(_ payload: inout ByteBuffer) {
        let bytes = [self.mask.0, self.mask.1, self.mask.2, self.mask.3]
        var pattern: UInt64 = 0
        for index in 0..<8 { pattern |= UInt64(bytes[(index + self.phase) % 4]) << UInt64(index * 8) }
        let key = UInt64(littleEndian: pattern)
        let small = (0..<4).map { bytes[($0 + self.phase) % 4] }
        self.phase = (self.phase + payload.readableBytes) % 4
        payload.withUnsafeMutableReadableBytes { raw in
            let words = raw.count / 8 * 8
            for offset in stride(from: 0, to: words, by: 8) {
                let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                raw.storeBytes(of: word ^ key, toByteOffset: offset, as: UInt64.self)
            }
            for offset in words..<raw.count { raw[offset] ^= small[offset % 4] }
        }
    }

    /// The header of an unmasked binary frame, as a server sends it.
    static func header(opcode: UInt8 = 2, length: Int) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(0x80 | opcode)
        switch length {
        case ..<126: buffer.writeInteger(UInt8(length))
        case ..<65536:
            buffer.writeInteger(UInt8(126))
            buffer.writeInteger(UInt16(length))
        default:
            buffer.writeInteger(UInt8(127))
            buffer.writeInteger(UInt64(length))
        }
        return buffer
    }
}
