/// Follows the frames that an HTTP/2 server sends: knows where another frame may be put in between.
///
/// Pure.
package struct FrameFollower {
    private static let headers: UInt8 = 1
    private static let pushPromise: UInt8 = 5
    private static let continuation: UInt8 = 9
    private static let endHeaders: UInt8 = 4

    private var header: (length: Int, type: UInt8, flags: UInt8) = (0, 0, 0)
    private var headerBytes = 0
    private var left = 0
    private var inBlock = false
    private var frames = 0

    package init() {}

    /// GOAWAY without an error, of which no stream is the last (RFC 9113, 6.8): the client is to come again for new requests.
    package static let goAway: [UInt8] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0]

    /// Whether a frame may stand here: behind a whole one, the first of which is SETTINGS, and not inside a header block.
    package var isAtBoundary: Bool { left == 0 && headerBytes == 0 && !inBlock && frames > 0 }

    /// Takes note of the next bytes.
    ///
    /// - Parameters:
    ///   - bytes: What came behind the last ones.
    ///   - stops: Stop at the first place where a frame may be put.
    /// - Returns: How many of the bytes were taken note of: all, unless it stopped.
    package mutating func advance(_ bytes: UnsafeRawBufferPointer, stoppingAtBoundary stops: Bool) -> Int {
        var index = 0
        while index < bytes.count {
            if stops, isAtBoundary { return index }
            if left > 0 {
                let count = min(left, bytes.count - index)
                left -= count
                index += count
                if left == 0 { endFrame() }
                continue
            }
            take(bytes[index])
            index += 1
        }
        return index
    }

    private mutating func take(_ byte: UInt8) {
        switch headerBytes {
        case 0...2: header.length = header.length << 8 | Int(byte)
        case 3: header.type = byte
        case 4: header.flags = byte
        default: break
        }
        headerBytes += 1
        guard headerBytes == 9 else { return }
        left = header.length
        if left == 0 { endFrame() }
    }

    private mutating func endFrame() {
        switch header.type {
        case Self.headers, Self.pushPromise, Self.continuation: inBlock = header.flags & Self.endHeaders == 0
        default: break
        }
        header = (0, 0, 0)
        headerBytes = 0
        frames += 1
    }
}
