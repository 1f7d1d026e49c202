import CZlib

/// Compresses and decompresses SPDY's header blocks; one for each connection, as the blocks build on each other.
final class SPDYHeaders {
    /// Why a block can't be read.
    struct Violation: Error, Equatable {
        let reason: String
    }

    /// The most that a block may grow to.
    static let limit = 64 << 10

    // zlib keeps pointers to these, so they must not move.
    private let inflater = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let deflater = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
    private let ready: Bool

    init() {
        self.inflater.initialize(to: z_stream())
        self.deflater.initialize(to: z_stream())
        let size = CInt(MemoryLayout<z_stream>.size)
        let inflating = inflateInit_(self.inflater, ZLIB_VERSION, size) == Z_OK
        let deflating = deflateInit_(self.deflater, Z_DEFAULT_COMPRESSION, ZLIB_VERSION, size) == Z_OK
        let seeded =
            deflateSetDictionary(self.deflater, SPDYDictionary.bytes, UInt32(SPDYDictionary.bytes.count)) == Z_OK
        self.ready = inflating && deflating && seeded
    }

    deinit {
        inflateEnd(self.inflater)
        deflateEnd(self.deflater)
        self.inflater.deallocate()
        self.deflater.deallocate()
    }

    /// The headers of a block; names in lower case.
    func read(_ block: [UInt8]) throws(Violation) -> [String: String] {
        let plain = try self.inflate(block)
        var offset = 0
        func integer() throws(Violation) -> Int {
            guard offset + 4 <= plain.count else { throw Violation(reason: "a header block is cut short") }
            defer { offset += 4 }
            return plain[offset..<(offset + 4)].reduce(0) { $0 << 8 | Int($1) }
        }
        func text() throws(Violation) -> String {
            let count = try integer()
            guard count <= plain.count - offset else { throw Violation(reason: "a header is cut short") }
            defer { offset += count }
            return String(decoding: plain[offset..<(offset + count)], as: UTF8.self)
        }
        let count = try integer()
        guard count <= 256 else { throw Violation(reason: "too many headers") }
        var headers: [String: String] = [:]
        for _ in 0..<count {
            let name = try text()
            headers[name.lowercased()] = try text()
        }
        return headers
    }

    /// The block of these headers.
    func write(_ headers: [(String, String)]) -> [UInt8] {
        var plain = Self.bytes(headers.count)
        for (name, value) in headers {
            plain += Self.bytes(name.utf8.count) + Array(name.utf8) + Self.bytes(value.utf8.count) + Array(value.utf8)
        }
        guard self.ready else { return [] }
        var output = [UInt8](repeating: 0, count: plain.count + 128)
        let room = output.count
        let left = plain.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                self.deflater.pointee.next_in = input.baseAddress
                self.deflater.pointee.avail_in = UInt32(input.count)
                self.deflater.pointee.next_out = output.baseAddress
                self.deflater.pointee.avail_out = UInt32(room)
                _ = deflate(self.deflater, Z_SYNC_FLUSH)
                return Int(self.deflater.pointee.avail_out)
            }
        }
        output.removeLast(left)
        return output
    }

    private static func bytes(_ number: Int) -> [UInt8] {
        stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private func inflate(_ block: [UInt8]) throws(Violation) -> [UInt8] {
        guard self.ready else { throw Violation(reason: "no decompressor") }
        var block = block
        var output = [UInt8](repeating: 0, count: Self.limit)
        let (status, left) = block.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                self.inflater.pointee.next_in = input.baseAddress
                self.inflater.pointee.avail_in = UInt32(input.count)
                self.inflater.pointee.next_out = output.baseAddress
                self.inflater.pointee.avail_out = UInt32(output.count)
                var status = CZlib.inflate(self.inflater, Z_SYNC_FLUSH)
                if status == Z_NEED_DICT {
                    _ = inflateSetDictionary(
                        self.inflater,
                        SPDYDictionary.bytes,
                        UInt32(SPDYDictionary.bytes.count)
                    )
                    status = CZlib.inflate(self.inflater, Z_SYNC_FLUSH)
                }
                return (status, Int(self.inflater.pointee.avail_out))
            }
        }
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR, left > 0 else {
            throw Violation(reason: "a header block can't be decompressed")
        }
        output.removeLast(left)
        return output
    }
}
