import Glibc
import Kernel

/// What is mounted, as this process sees it, and how that ends.
enum MountTable {
    /// One line of `/proc/self/mountinfo`, as far as it matters here.
    struct Entry: Equatable {
        var point: String
        var type: String
        var source: String
        /// What is mounted below it is seen in mount namespaces that were made from this one.
        var isShared = false
    }

    /// All mounts at present.
    static var entries: [Entry] { parse(HostProgram.text(of: "/proc/self/mountinfo") ?? "") }

    /// Whether something is mounted at a path.
    static func contains(_ point: String) -> Bool { entries.contains { $0.point == point } }

    /// Whether what is mounted at a path is seen in mount namespaces that were made from this one.
    static func isShared(_ path: String, _ entries: [Entry] = entries) -> Bool {
        // The latest of the deepest ones hides the others.
        let above = entries.filter { $0.point == "/" || path == $0.point || path.hasPrefix($0.point + "/") }
        let depth = above.map(\.point.count).max()
        return above.last { $0.point.count == depth }?.isShared ?? false
    }

    static func parse(_ text: String) -> [Entry] {
        text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: " ")
            guard let dash = words.firstIndex(of: "-"), words.count > dash + 2, words.count > 4 else { return nil }
            return Entry(
                point: plain(words[4]),
                type: String(words[dash + 1]),
                source: plain(words[dash + 2]),
                isShared: words[..<dash].contains { $0.hasPrefix("shared:") }
            )
        }
    }

    /// Spaces, tabs, newlines and backslashes are written as three octal digits.
    private static func plain(_ word: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(word.utf8)[...]
        while let byte = rest.first {
            let digits = rest.dropFirst().prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(value)
                rest = rest.dropFirst(4)
            } else {
                bytes.append(byte)
                rest = rest.dropFirst()
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Takes a mount away at once, whoever uses it still: who does gets an error from then on, once its server has ended.
    ///
    /// False when it is still there.
    @discardableResult
    static func unmount(_ point: String) -> Bool {
        var attempts = 0
        while contains(point), attempts < 8 {
            attempts += 1
            // MNT_DETACH; root may, others ask the program that may.
            if umount2(point, 2) == 0 { continue }
            guard let program = HostProgram.find("fusermount3") ?? HostProgram.find("fusermount") else { break }
            _ = try? HostProgram.run(program, ["-u", "-z", "-q", point])
        }
        return !contains(point)
    }
}
