/// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
///
/// Sums are over 16-bit words as they lie in memory: the sum does not depend on byte order as long as all words are
/// loaded alike.
enum Checksum {
    /// Sum of the two words of four bytes.
    @inline(__always)
    static func words(_ value: UInt32) -> UInt64 {
        UInt64(value & 0xffff) &+ UInt64(value >> 16)
    }

    /// Sum of the four words of eight bytes.
    @inline(__always)
    static func words(_ value: UInt64) -> UInt64 {
        (value & 0xffff) &+ (value >> 16 & 0xffff) &+ (value >> 32 & 0xffff) &+ value >> 48
    }

    /// Brings a sum back to 16 bits with end-around carry.
    @inline(__always)
    static func fold(_ sum: UInt64) -> UInt16 {
        var sum = (sum & 0xffff_ffff) &+ sum >> 32
        sum = (sum & 0xffff) &+ (sum >> 16 & 0xffff) &+ sum >> 32
        sum = (sum & 0xffff) &+ sum >> 16
        sum = (sum & 0xffff) &+ sum >> 16
        return UInt16(truncatingIfNeeded: sum)
    }

    /// Sum of a range of bytes; an odd last byte counts as if a zero followed.
    static func sum(_ start: UnsafeRawPointer, _ count: Int) -> UInt64 {
        var sum: UInt64 = 0
        var offset = 0
        while offset &+ 4 <= count {
            sum &+= UInt64(start.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            offset &+= 4
        }
        while offset &+ 2 <= count {
            sum &+= UInt64(start.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            offset &+= 2
        }
        if offset < count {
            sum &+= UInt64(UInt16(littleEndian: UInt16(start.load(fromByteOffset: offset, as: UInt8.self))))
        }
        return sum
    }
}
