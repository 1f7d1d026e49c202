internal import NIOCore

/// Writes the SPDY/3.1 frames that a port-forward's client needs.
///
/// Header blocks are zlib streams that go on from frame to frame (draft 3, 2.6.10.1). Nothing is compressed here: each block is a
/// stored one (RFC 1951, 3.2.4) followed by an empty one, which has the reader hand out what it has. A few names once per
/// connection are not worth a compressor, and the protocol's dictionary is named but never referred to.
struct SPDYFrameWriter {
    /// CMF and FLG with a preset dictionary, and the check value of the one in the draft.
    private static let streamHead: [UInt8] = [0x78, 0xBB, 0xE3, 0xC6, 0xA7, 0xC2]
    private static let emptyBlock: [UInt8] = [0x00, 0x00, 0x00, 0xFF, 0xFF]

    private var hasBegun = false

    /// SYN_STREAM: opens a stream of ours, which has an odd number.
    ///
    /// - Parameters:
    ///   - stream: its number.
    ///   - fields: names in lower case.
    /// - Returns: The frame.
    mutating func open(_ stream: UInt32, _ fields: KeyValuePairs<String, String>) -> ByteBuffer {
        var names = ByteBuffer()
        names.writeInteger(UInt32(fields.count))
        for (name, value) in fields {
            for text in [name, value] {
                names.writeInteger(UInt32(text.utf8.count))
                names.writeString(text)
            }
        }
        var block = ByteBuffer()
        if !hasBegun { block.writeBytes(Self.streamHead) }
        hasBegun = true
        let length = UInt16(truncatingIfNeeded: names.readableBytes)
        block.writeInteger(UInt8(0))
        block.writeInteger(length, endianness: .little)
        block.writeInteger(~length, endianness: .little)
        block.writeBuffer(&names)
        block.writeBytes(Self.emptyBlock)

        var frame = Self.control(type: 1, length: 10 + block.readableBytes)
        frame.writeInteger(stream)
        // No stream that it belongs to, the highest priority, no slot.
        frame.writeInteger(UInt32(0))
        frame.writeInteger(UInt16(0))
        frame.writeBuffer(&block)
        return frame
    }

    /// The head of a DATA frame.
    static func data(_ stream: UInt32, length: Int, isLast: Bool = false) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(stream)
        frame.writeInteger((isLast ? 1 << 24 : 0) | UInt32(length))
        return frame
    }

    /// PING with the peer's number, which answers it.
    static func pong(_ number: UInt32) -> ByteBuffer {
        var frame = control(type: 6, length: 4)
        frame.writeInteger(number)
        return frame
    }

    private static func control(type: UInt16, length: Int) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(UInt16(0x8003))
        frame.writeInteger(type)
        frame.writeInteger(UInt32(length))
        return frame
    }
}
