package import NIOCore

/// DATAGRAM capsules (RFC 9297, 3.5) with context 0 (RFC 9298, 5): type 0, length, context id 0, payload.
package struct DatagramCapsule {
    /// The largest UDP payload, in bytes.
    package static let maximumPayload = 65_527

    /// What a peer can do wrong.
    package enum Failure: Error, Equatable {
        /// A capsule is longer than any datagram.
        case tooLong
    }

    private var buffer = ByteBuffer()

    /// Begins with an empty stream.
    package init() {}

    /// Takes bytes of the stream; complete datagrams come out by ``next()``.
    package mutating func append(_ bytes: ByteBuffer) {
        if self.buffer.readableBytes == 0 {
            self.buffer = bytes
        } else {
            // Otherwise what was read would pile up in front of what was not.
            self.buffer.discardReadBytes()
            self.buffer.writeImmutableBuffer(bytes)
        }
    }

    /// The next datagram, or nil until more bytes come; other capsules and contexts are skipped (RFC 9297, 3.2).
    ///
    /// - Throws: `tooLong`, before anything is waited for.
    package mutating func next() throws(Failure) -> ByteBuffer? {
        while true {
            var view = self.buffer
            guard let type = Self.readVarint(&view), let length = Self.readVarint(&view) else { return nil }
            guard length <= UInt64(Self.maximumPayload + 8) else { throw .tooLong }
            guard var capsule = view.readSlice(length: Int(length)) else { return nil }
            self.buffer = view
            if type == 0, let contextID = Self.readVarint(&capsule), contextID == 0 { return capsule }
        }
    }

    /// A datagram as a capsule.
    package static func encode(_ payload: ByteBuffer, allocator: ByteBufferAllocator) -> ByteBuffer {
        var output = allocator.buffer(capacity: payload.readableBytes + 6)
        output.writeInteger(UInt8(0))
        Self.writeVarint(UInt64(payload.readableBytes + 1), to: &output)
        output.writeInteger(UInt8(0))
        output.writeImmutableBuffer(payload)
        return output
    }

    /// A QUIC variable-length integer (RFC 9000, 16).
    private static func readVarint(_ buffer: inout ByteBuffer) -> UInt64? {
        guard let first: UInt8 = buffer.getInteger(at: buffer.readerIndex) else { return nil }
        switch first >> 6 {
        case 0: return buffer.readInteger(as: UInt8.self).map { UInt64($0) }
        case 1: return buffer.readInteger(as: UInt16.self).map { UInt64($0 & 0x3FFF) }
        case 2: return buffer.readInteger(as: UInt32.self).map { UInt64($0 & 0x3FFF_FFFF) }
        default: return buffer.readInteger(as: UInt64.self).map { $0 & 0x3FFF_FFFF_FFFF_FFFF }
        }
    }

    private static func writeVarint(_ value: UInt64, to buffer: inout ByteBuffer) {
        switch value {
        case ..<64: buffer.writeInteger(UInt8(truncatingIfNeeded: value))
        case ..<16_384: buffer.writeInteger(UInt16(truncatingIfNeeded: value) | 0x4000)
        default: buffer.writeInteger(UInt32(truncatingIfNeeded: value) | 0x8000_0000)
        }
    }
}
