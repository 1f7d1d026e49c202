/// Finds the end of a chunked body (RFC 9112, 7.1).
///
/// Pure; strict like ``HeadMachine``.
struct ChunkMachine {
    /// Bytes of one chunk's size and extensions, and of all trailers.
    private static let lineLimit = 4 << 10
    private static let trailerLimit = 64 << 10

    private enum State {
        /// In the size; how many digits there are.
        case size(digits: Int)
        /// Blanks behind the size.
        case blanks
        case extensions
        case sizeFeed
        case data
        case dataReturn
        case dataFeed
        case trailerStart
        case trailer
        case trailerFeed
        case endFeed
    }

    /// How the bytes given were understood.
    enum Progress: Equatable {
        case more
        /// So many of them belong to the body, which is over.
        case done(Int)
        case malformed
    }

    private var state = State.size(digits: 0)
    /// Bytes of the chunk that are still to come.
    private var left = 0
    private var lineBytes = 0

    /// Takes note of the next bytes.
    mutating func advance(_ bytes: UnsafeRawBufferPointer) -> Progress {
        var index = 0
        while index < bytes.count {
            if case .data = state {
                let count = min(left, bytes.count - index)
                index += count
                left -= count
                if left == 0 { state = .dataReturn }
                continue
            }
            let byte = bytes[index]
            index += 1
            guard step(byte) else { return .malformed }
            if case .endFeed = state, byte == ByteClass.lineFeed { return .done(index) }
        }
        return .more
    }

    /// False where the byte may not stand here.
    private mutating func step(_ byte: UInt8) -> Bool {
        lineBytes += 1
        switch state {
        case .size(let digits):
            if let digit = Self.hexadecimal(byte) {
                // 15 digits are more than any file, and no overflow.
                guard digits < 15 else { return false }
                left = left << 4 | digit
                state = .size(digits: digits + 1)
                return true
            }
            guard digits > 0 else { return false }
            return behindSize(byte)
        case .blanks: return behindSize(byte)
        case .extensions:
            if byte == ByteClass.carriageReturn { state = .sizeFeed } else if !ByteClass.isText(byte) { return false }
            return lineBytes <= Self.lineLimit
        case .sizeFeed:
            state = left > 0 ? .data : .trailerStart
            lineBytes = 0
            return byte == ByteClass.lineFeed
        case .data: return false
        case .dataReturn:
            state = .dataFeed
            return byte == ByteClass.carriageReturn
        case .dataFeed:
            state = .size(digits: 0)
            lineBytes = 0
            return byte == ByteClass.lineFeed
        case .trailerStart:
            if byte == ByteClass.carriageReturn {
                state = .endFeed
                return true
            }
            state = .trailer
            return ByteClass.isToken(byte)
        case .trailer:
            if byte == ByteClass.carriageReturn {
                state = .trailerFeed
            } else if !ByteClass.isText(byte) {
                return false
            }
            return lineBytes <= Self.trailerLimit
        case .trailerFeed:
            state = .trailerStart
            return byte == ByteClass.lineFeed
        case .endFeed: return byte == ByteClass.lineFeed
        }
    }

    private mutating func behindSize(_ byte: UInt8) -> Bool {
        switch byte {
        case ByteClass.carriageReturn: state = .sizeFeed
        case 0x3B: state = .extensions
        case ByteClass.space, ByteClass.tab: state = .blanks
        default: return false
        }
        return lineBytes <= Self.lineLimit
    }

    private static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte - 0x30)
        case 0x41...0x46: Int(byte - 0x37)
        case 0x61...0x66: Int(byte - 0x57)
        default: nil
        }
    }
}
