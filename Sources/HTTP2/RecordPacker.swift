internal import NIOCore
internal import TLS

/// Packs plaintext of any granularity into full TLS records, so that a 9-byte frame header does not cost a record.
struct RecordPacker {
    private static let record = 16_384
    /// Records sealed in one go; with their overhead they just fit into one 256 KiB buffer.
    private static let run = 15 * record
    /// The largest buffer that is kept for the next small piece.
    private static let kept = 1024

    private let allocator: ByteBufferAllocator
    /// Less than one record of plaintext, waiting for more.
    private var partial: ByteBuffer
    /// Sealed records.
    private var output: ByteBuffer

    init(allocator: ByteBufferAllocator) {
        self.allocator = allocator
        self.partial = ByteBuffer()
        self.output = ByteBuffer()
    }

    /// Adds plaintext; `emit` gets each buffer of records that is full.
    mutating func pack(
        _ buffer: ByteBuffer,
        with session: TLSSession,
        emit: (ByteBuffer) -> Void
    ) throws(TLSError) {
        var rest = buffer
        if self.partial.readableBytes > 0,
            let head = rest.readSlice(
                length: min(rest.readableBytes, Self.record - self.partial.readableBytes)
            )
        {
            self.partial.writeImmutableBuffer(head)
            if self.partial.readableBytes == Self.record { try self.sealPartial(session, emit) }
        }
        while rest.readableBytes >= Self.record {
            let whole = min(Self.run, rest.readableBytes / Self.record * Self.record)
            guard let records = rest.readSlice(length: whole) else { return }
            try self.seal(records, session, emit)
        }
        if rest.readableBytes > 0 { self.partial.writeImmutableBuffer(rest) }
    }

    /// Seals what waits and hands everything out.
    mutating func flush(with session: TLSSession, emit: (ByteBuffer) -> Void) throws(TLSError) {
        if self.partial.readableBytes > 0 { try self.sealPartial(session, emit) }
        self.add(session.takeOutput())
        guard self.output.readableBytes > 0 else { return }
        emit(self.output)
        self.output = ByteBuffer()
    }

    /// Adds bytes that are sealed already: handshake messages and alerts.
    mutating func add(_ sealed: [UInt8]) {
        if !sealed.isEmpty { self.output.writeBytes(sealed) }
    }

    private mutating func sealPartial(_ session: TLSSession, _ emit: (ByteBuffer) -> Void) throws(TLSError) {
        let plaintext = self.partial
        try self.seal(plaintext, session, emit)
        // A quiet link keeps what its heartbeats need, and no more.
        if self.partial.capacity > Self.kept { self.partial = ByteBuffer() } else { self.partial.clear() }
    }

    private mutating func seal(
        _ plaintext: ByteBuffer,
        _ session: TLSSession,
        _ emit: (ByteBuffer) -> Void
    ) throws(TLSError) {
        let bound = TLSSession.ciphertextBound(plaintext.readableBytes)
        if self.output.writableBytes < bound {
            if self.output.readableBytes > 0 { emit(self.output) }
            self.output = self.allocator.buffer(capacity: bound)
        }
        var failure: TLSError?
        _ = plaintext.withUnsafeReadableBytes { source in
            self.output.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { room in
                do throws(TLSError) {
                    return try session.seal(source, into: room)
                } catch {
                    failure = error
                    return 0
                }
            }
        }
        if let failure { throw failure }
    }
}
