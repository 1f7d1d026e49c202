package import NIOCore

/// DATAGRAM capsules (RFC 9297 §3.5) with context 0 (RFC 9298 §5): type 0, length, context id 0, payload.
package struct DatagramCapsule {
    /// The largest UDP payload.
    package static let maximumPayload = 65_527

    package enum Failure: Error, Equatable { case tooLong }

    private var buffer = ByteBuffer()

    package init() {}

    /// Takes bytes of the stream; complete datagrams come out by `next`.
    package mutating func append(_ bytes: ByteBuffer) {
        if buffer.readableBytes == 0 {
            buffer = bytes
        } else {
            buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next datagram, or nil until more bytes come. Other capsules and contexts are skipped (RFC 9297 §3.2).
    ///
    /// The length is checked before the capsule is waited for.
    package mutating func next() throws(Failure) -> ByteBuffer? {
        while true {
            var view = buffer
            guard let type = Self.readVarint(&view), let length = Self.readVarint(&view) else { return nil }
            guard length <= UInt64(Self.maximumPayload + 8) else { throw .tooLong }
            guard var capsule = view.readSlice(length: Int(length)) else { return nil }
            buffer = view
            guard type == 0, let contextID = Self.readVarint(&capsule), contextID == 0 else { continue }
            return capsule
        }
    }

    /// A datagram as a capsule.
    package static func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        var output = allocator.buffer(capacity: payload.readableBytes + 8)
        output.writeInteger(UInt8(0))
        writeVarint(UInt64(payload.readableBytes + 1), to: &output)
        output.writeInteger(UInt8(0))
        output.writeImmutableBuffer(payload)
        return output
    }

    /// A QUIC variable-length integer (RFC 9000 §16).
    private static func readVarint(_ buffer: inout ByteBuffer) -> UInt64? {
        guard let first: UInt8 = buffer.getInteger(at: buffer.readerIndex) else { return nil }
        let length = 1 << Int(first >> 6)
        guard let bytes = buffer.readBytes(length: length) else { return nil }
        return bytes.dropFirst().reduce(UInt64(first & 0x3f)) { $0 << 8 | UInt64($1) }
    }

    private static func writeVarint(_ value: UInt64, to buffer: inout ByteBuffer) {
        switch value {
        case ..<64: buffer.writeInteger(UInt8(value))
        case ..<16_384: buffer.writeInteger(UInt16(value) | 0x4000)
        default: buffer.writeInteger(UInt32(truncatingIfNeeded: value) | 0x8000_0000)
        }
    }
}
