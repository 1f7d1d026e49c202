import CNghttp2

@testable import HTTP2

/// Header blocks as HPACK (RFC 7541): written without any table, read with nghttp2's decoder.
final class FieldCoder {
    private var inflater: OpaquePointer?

    init() { nghttp2_hd_inflate_new(&inflater) }

    deinit { nghttp2_hd_inflate_del(inflater) }

    /// The fields, each with its name and value in full; before them, where it is wanted, that the table is to be empty.
    static func encode(_ block: HeaderBlock, isIndexed: Bool, emptiesTable: Bool) -> [UInt8] {
        var bytes: [UInt8] = emptiesTable ? [0x20] : []
        bytes.reserveCapacity(block.bytes.count + 8 * block.count)
        var place = 0
        for entry in block.entries {
            bytes.append(entry.neverIndexed ? 0x10 : isIndexed ? 0x40 : 0)
            for length in [Int(entry.nameLength), Int(entry.valueLength)] {
                append(length, to: &bytes)
                bytes.append(contentsOf: block.bytes[place..<place + length])
                place += length
            }
        }
        return bytes
    }

    /// The length of a string (RFC 7541, 5.1), which follows as it is.
    private static func append(_ length: Int, to bytes: inout [UInt8]) {
        guard length >= 127 else { return bytes.append(UInt8(length)) }
        bytes.append(127)
        var rest = length - 127
        while rest >= 128 {
            bytes.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// The other end knows of the decoder's table size.
    func tableSettled(_ size: Int) { nghttp2_hd_inflate_change_table_size(inflater, size) }

    /// The fields of a whole block; nil where it is none.
    func decode(_ bytes: UnsafeRawBufferPointer) -> HeaderBlock? {
        var block = HeaderBlock()
        var place = 0
        while true {
            var field = nghttp2_nv()
            var flags: Int32 = 0
            let rest = UnsafeRawBufferPointer(rebasing: bytes[place...]).assumingMemoryBound(to: UInt8.self)
            let count = nghttp2_hd_inflate_hd2(inflater, &field, &flags, rest.baseAddress, rest.count, 1)
            guard count >= 0 else { return nil }
            place += count
            if flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) != 0 {
                block.append(
                    name: UnsafeBufferPointer(start: field.name, count: field.namelen),
                    value: UnsafeBufferPointer(start: field.value, count: field.valuelen),
                    neverIndexed: field.flags & UInt8(NGHTTP2_NV_FLAG_NO_INDEX.rawValue) != 0
                )
            }
            if flags & Int32(NGHTTP2_HD_INFLATE_FINAL.rawValue) != 0 {
                nghttp2_hd_inflate_end_headers(inflater)
                return block
            }
            if count == 0, flags & Int32(NGHTTP2_HD_INFLATE_EMIT.rawValue) == 0 { return nil }
        }
    }
}
