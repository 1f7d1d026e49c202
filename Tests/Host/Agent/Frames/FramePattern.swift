import Glibc
import NIOCore
import TestSupport

/// The bytes of all bodies: a body is a piece of them that its number says, so that nothing is kept to compare.
enum FramePattern {
    /// The longest body.
    static let most = 4 << 20
    private static let period = 1_000_003

    private static let bytes: ByteBuffer = {
        var random = SplitMix64(seed: 1)
        var once: [UInt8] = []
        once.reserveCapacity(period + 8)
        while once.count < period { withUnsafeBytes(of: random.next()) { once.append(contentsOf: $0) } }
        once.removeLast(once.count - period)
        var bytes = ByteBuffer()
        while bytes.readableBytes < most + period { bytes.writeBytes(once) }
        return bytes
    }()

    private static func start(_ number: Int, _ isResponse: Bool) -> Int {
        (number * 7919 + (isResponse ? 12_345 : 0)) % period
    }

    /// Part of a body.
    static func slice(_ number: Int, isResponse: Bool, _ range: Range<Int>) -> ByteBuffer {
        bytes.getSlice(at: start(number, isResponse) + range.lowerBound, length: range.count) ?? ByteBuffer()
    }

    /// Whether these are the bytes of a body from that place on.
    static func isRight(_ number: Int, isResponse: Bool, from place: Int, _ part: ByteBuffer) -> Bool {
        let range = place..<place + part.readableBytes
        guard range.upperBound <= most else { return false }
        return slice(number, isResponse: isResponse, range).withUnsafeReadableBytes { wanted in
            part.withUnsafeReadableBytes { found in
                guard let one = wanted.baseAddress, let other = found.baseAddress else { return found.isEmpty }
                return memcmp(one, other, found.count) == 0
            }
        }
    }
}
