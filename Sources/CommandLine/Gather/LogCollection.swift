import Foundation
import Message

/// What `gather-logs` has found, file by file.
struct LogCollection {
    /// Bytes of a log file that are taken at most: its end.
    static let fileLimit = 8 << 20

    private(set) var files: [(name: String, content: [UInt8])] = []
    private(set) var problems: [String] = []

    /// Adds a text.
    mutating func add(_ name: String, _ text: String) {
        files.append((name, Array(text.utf8)))
    }

    /// Adds the end of a file, if it is there.
    mutating func addFile(_ name: String, at path: String) {
        guard let file = FileHandle(forReadingAtPath: path) else { return }
        defer { try? file.close() }
        do {
            let size = try file.seekToEnd()
            try file.seek(toOffset: size > UInt64(Self.fileLimit) ? size - UInt64(Self.fileLimit) : 0)
            let content = try file.read(upToCount: Self.fileLimit) ?? Data()
            files.append((name, Array(content)))
        } catch {
            problems.append("\(path): \(error)")
        }
    }

    /// Notes what could not be had.
    mutating func miss(_ what: String, _ error: any Error) {
        let text = (error as? CommandError)?.message ?? "\(error)"
        problems.append("\(what): \(text)")
    }

    /// The archive; hides names by `anonymizer`.
    func archive(date: ZipArchive.Date, _ anonymizer: Anonymizer?) throws -> ZipArchive {
        var archive = ZipArchive(date: date)
        func add(_ name: String, _ content: [UInt8]) throws {
            guard let anonymizer else { return try archive.add(name, content) }
            let text = anonymizer.clean(String(decoding: content, as: UTF8.self))
            try archive.add(anonymizer.clean(name), Array(text.utf8))
        }
        for (name, content) in files { try add(name, content) }
        if !problems.isEmpty { try add("problems.txt", Array((problems.joined(separator: "\n") + "\n").utf8)) }
        return archive
    }
}
