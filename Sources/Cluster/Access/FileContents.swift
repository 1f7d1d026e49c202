internal import Glibc

/// Small files as a whole, read without Foundation: what runs in the cluster does without its ten megabytes.
package enum FileContents {
    /// The bytes of a file.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - limit: The most that is read.
    /// - Returns: The bytes; nil when the file cannot be read or is longer.
    package static func read(_ path: String, limit: Int = 4 << 20) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0, bytes.count + count <= limit else { return nil }
            if count == 0 { return bytes }
            bytes += chunk.prefix(count)
        }
    }

    /// Whether there is such a file.
    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
