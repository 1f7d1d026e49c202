import Foundation
import TestSupport

/// The files of this repository, as they are on disk.
enum Repository {
    struct Source: Sendable {
        /// From the repository's root.
        let path: String
        let lines: [Substring]
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The Swift files below a folder of the repository.
    static func sources(_ folder: String) throws -> [Source] {
        let base = root.appending(path: folder)
        guard let walker = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil) else {
            throw Failure(description: "no folder \(folder)")
        }
        var sources: [Source] = []
        for case let file as URL in walker where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            let path = String(file.path.dropFirst(root.path.count)).trimmingPrefix("/")
            sources.append(
                Source(path: String(path), lines: text.split(separator: "\n", omittingEmptySubsequences: false))
            )
        }
        guard !sources.isEmpty else { throw Failure(description: "no Swift files in \(folder)") }
        return sources.sorted { $0.path < $1.path }
    }

    /// The manifest as the package manager understands it.
    static func manifest() throws -> [String: Any] {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "architecture-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: scratch) }
        let words = ["swift", "package", "--package-path", root.path, "--scratch-path", scratch.path, "dump-package"]
        let (status, output) = try TestProgram.run(words, errors: .dropped)
        guard status == 0, let manifest = try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any]
        else { throw Failure(description: "swift package dump-package failed") }
        return manifest
    }

    /// The module that a line imports, if it is an import.
    static func importedModule(_ line: Substring) -> String? {
        let attributes: Set<Substring> = [
            "package", "public", "internal", "private", "fileprivate", "@preconcurrency", "@testable",
        ]
        let words = line.split(separator: " ")
        guard let start = words.firstIndex(where: { !attributes.contains($0) }), words[start] == "import",
            words.count > start + 1, !line.hasPrefix(" ")
        else { return nil }
        // `import struct Module.Type` names the kind first.
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        let name = kinds.contains(words[start + 1]) && words.count > start + 2 ? words[start + 2] : words[start + 1]
        return String(name.prefix { $0 != "." })
    }
}
