import Glibc
import Kernel

/// Small text files by system calls alone: the holder must stay a process of one thread.
enum SmallFile {
    /// The text of a file, up to a mebibyte; empty when it cannot be read.
    static func text(_ path: String) -> String {
        guard let file = try? Descriptor.open(path, flags: O_RDONLY) else { return "" }
        var text: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while text.count < 1 << 20 {
            let count = read(file.rawValue, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += chunk.prefix(count)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Makes a file that everybody may read.
    static func create(_ path: String, _ text: String) throws(SystemError) {
        let file = try Descriptor.open(path, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        let bytes = Array(text.utf8)
        guard write(file.rawValue, bytes, bytes.count) == bytes.count, fchmod(file.rawValue, 0o644) == 0 else {
            throw .last("write", path)
        }
    }
}
