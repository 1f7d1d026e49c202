internal import NIOCore

/// Cuts a stream of bytes into lines; an unfinished line may be 16 MiB long.
///
/// Pure.
struct LineReader: ~Copyable {
    struct TooLong: Error {}

    private static let limit = 16 << 20
    private var buffer = ByteBuffer()
    /// How far the buffer was searched in vain.
    private var searched = 0

    mutating func feed(_ bytes: ByteBuffer) {
        buffer.discardReadBytes()
        buffer.writeImmutableBuffer(bytes)
    }

    /// The next line without its end, nil when more bytes are needed.
    mutating func next() throws(TooLong) -> [UInt8]? {
        let view = buffer.readableBytesView
        let start = view.startIndex + searched
        guard let newline = view[start...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = view.count
            guard view.count <= Self.limit else { throw TooLong() }
            return nil
        }
        let line = buffer.readBytes(length: newline - view.startIndex) ?? []
        buffer.moveReaderIndex(forwardBy: 1)
        searched = 0
        return line
    }
}
