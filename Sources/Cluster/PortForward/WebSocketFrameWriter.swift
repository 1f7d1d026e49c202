internal import NIOCore

/// Writes the frames that a WebSocket client sends (RFC 6455 §5).
///
/// Client frames are masked with a key from the system's random numbers. §5.3 demands it of every client, and gives no leave
/// for TLS, though the danger it wards off (a script choosing the bytes on the wire) does not exist here. The mask is laid
/// on in the one copy that joins many writes into one frame, so it costs next to nothing.
struct WebSocketFrameWriter {
    enum Opcode: UInt8 {
        case binary = 2
        case close = 8
        case ping = 9
        case pong = 10
    }

    /// The longest header: two bytes, eight of length, four of mask.
    static let headerRoom = 14

    /// Appends one final frame to `output`.
    ///
    /// - Parameters:
    ///   - opcode: the frame's kind.
    ///   - prefix: the payload's first byte, if it is not in the parts.
    ///   - parts: the payload; they are copied.
    ///   - key: the masking key.
    ///   - output: what the frame is appended to.
    static func append(
        _ opcode: Opcode,
        prefix: UInt8?,
        parts: some Sequence<ByteBuffer>,
        key: UInt32 = .random(in: .min ... .max),
        to output: inout ByteBuffer
    ) {
        var length = prefix == nil ? 0 : 1
        for part in parts { length += part.readableBytes }
        output.reserveCapacity(minimumWritableBytes: length + headerRoom)
        output.writeInteger(0x80 | opcode.rawValue)
        switch length {
        case ..<126: output.writeInteger(0x80 | UInt8(length))
        case ..<65536:
            output.writeInteger(0x80 | UInt8(126))
            output.writeInteger(UInt16(length))
        default:
            output.writeInteger(0x80 | UInt8(127))
            output.writeInteger(UInt64(length))
        }
        output.writeInteger(key)
        var position = 0
        if let prefix {
            output.writeInteger(prefix ^ UInt8(truncatingIfNeeded: key >> 24))
            position = 1
        }
        for part in parts where part.readableBytes > 0 {
            part.withUnsafeReadableBytes { source in
                _ = output.writeWithUnsafeMutableBytes(minimumWritableBytes: source.count) { target in
                    mask(source, into: target, key: key, position: position)
                    return source.count
                }
            }
            position += part.readableBytes
        }
    }

    /// Copies bytes and lays the mask on, eight at a time.
    private static func mask(
        _ source: UnsafeRawBufferPointer,
        into target: UnsafeMutableRawBufferPointer,
        key: UInt32,
        position: Int
    ) {
        // The key's bytes in the order that this part meets them.
        let turn = UInt32(position & 3) * 8
        let turned = turn == 0 ? key : key << turn | key >> (32 - turn)
        let word = (UInt64(turned) << 32 | UInt64(turned)).bigEndian
        let words = source.count & ~7
        var offset = 0
        while offset < words {
            let value = source.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ word
            target.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        var shift: UInt32 = 24
        while offset < source.count {
            target[offset] = source[offset] ^ UInt8(truncatingIfNeeded: turned >> shift)
            shift = shift == 0 ? 24 : shift - 8
            offset += 1
        }
    }
}
