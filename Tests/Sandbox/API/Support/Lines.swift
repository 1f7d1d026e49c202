import Foundation
import Glibc

/// Reads lines as a process writes them.
actor Lines {
    private var iterator: AsyncStream<String>.Iterator

    /// Reads once; empty at the end.
    ///
    /// FileHandle's own way traps when a signal interrupts it.
    static func read(_ handle: FileHandle) -> Data {
        var bytes = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(handle.fileDescriptor, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            return Data(bytes.prefix(max(0, count)))
        }
    }

    init(_ handle: FileHandle) {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        self.iterator = stream.makeAsyncIterator()
        Thread.detachNewThread {
            var rest = Data()
            while true {
                let piece = Self.read(handle)
                if piece.isEmpty { break }
                rest += piece
                while let end = rest.firstIndex(of: 10) {
                    continuation.yield(String(decoding: rest[rest.startIndex..<end], as: UTF8.self))
                    rest = Data(rest[rest.index(after: end)...])
                }
            }
            continuation.finish()
        }
    }

    func next() async -> String? {
        var iterator = self.iterator
        let line = await iterator.next(isolation: self)
        self.iterator = iterator
        return line
    }
}
