import TestSupport
import Testing

@testable import HTTPFilter

@Suite struct FrameFollowerTests {
    private static func frame(_ type: UInt8, _ flags: UInt8, _ length: Int) -> [UInt8] {
        [UInt8(length >> 16), UInt8(length >> 8 & 255), UInt8(length & 255), type, flags, 0, 0, 0, 1]
            + Array(repeating: 9, count: length)
    }

    @Test(
        "a frame may be put behind a whole one, but not before the first and not inside a header block",
        arguments: 0..<20
    )
    func boundaries(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var bytes: [UInt8] = []
        var allowed: Set<Int> = []
        func add(_ frame: [UInt8], ends: Bool = true) {
            bytes += frame
            if ends { allowed.insert(bytes.count) }
        }
        add(Self.frame(4, 0, 12))
        for _ in 0..<10 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0: add(Self.frame(0, 1, Int.random(in: 0...300, using: &random)))
            case 1: add(Self.frame(1, 4, 20))
            case 2:
                add(Self.frame(1, 1, 20), ends: false)
                add(Self.frame(9, 0, 0), ends: false)
                add(Self.frame(9, 4, 5))
            default: add(Self.frame(6, 0, 8))
            }
        }
        var found: Set<Int> = []
        var follower = FrameFollower()
        for (index, byte) in bytes.enumerated() {
            let taken = [byte].withUnsafeBytes { follower.advance($0, stoppingAtBoundary: false) }
            #expect(taken == 1)
            if follower.isAtBoundary { found.insert(index + 1) }
        }
        #expect(found == allowed)
        var stopping = FrameFollower()
        let start = Int.random(in: 0..<bytes.count, using: &random)
        _ = bytes[..<start].withUnsafeBytes { stopping.advance($0, stoppingAtBoundary: false) }
        let count = bytes[start...].withUnsafeBytes { stopping.advance($0, stoppingAtBoundary: true) }
        #expect(allowed.contains(start + count))
        #expect(!allowed.contains { $0 >= start && $0 < start + count })
    }
}
