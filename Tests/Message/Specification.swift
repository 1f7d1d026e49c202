import Foundation
import Message
import Testing

/// The files of `proto-spec/`.
enum Specification {
    struct Vector: Sendable, CustomTestStringConvertible {
        let message: String
        let note: String
        let hex: String
        let canonical: String?
        let error: String?
        let valueJSON: Data?

        var testDescription: String { "\(message): \(note)" }
    }

    static func text(_ name: String) throws -> String {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../proto-spec")
        return try String(contentsOf: root.appending(path: name), encoding: .utf8)
    }

    static func vectors(_ group: String) -> [Vector] {
        guard let data = try? Data(text("vectors.json").utf8),
            let all = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let list = all[group] as? [[String: Any]]
        else { return [] }
        return list.map { item in
            Vector(
                message: item["message"] as? String ?? "",
                note: item["note"] as? String ?? "",
                hex: item["hex"] as? String ?? "?",
                canonical: item["canonical"] as? String,
                error: item["error"] as? String,
                valueJSON: item["value"].flatMap { try? JSONSerialization.data(withJSONObject: $0) }
            )
        }
    }

    /// What `messages.md` says, in the form of ``MessageTable/markdown``.
    static func sections() throws -> [String: [String]] {
        var result: [String: [String]] = [:]
        var title = ""
        for line in try text("messages.md").split(separator: "\n") {
            if line.hasPrefix("### ") {
                title = String(line.dropFirst(4))
                result[title] = []
            } else if line.hasPrefix("## ") {
                title = ""
            } else if line.hasPrefix("| "), !line.hasPrefix("| tag"), !line.hasPrefix("| value") {
                let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
                result[title, default: []].append(cells.dropLast().joined(separator: " | "))
            }
        }
        return result
    }
}

extension FieldKind {
    /// As `messages.md` writes it.
    var markdown: String {
        switch self {
        case .unsigned(let bits): "uint\(bits)"
        case .signed: "sint64"
        case .bool: "bool"
        case .double: "double"
        case .string: "string"
        case .bytes: "bytes"
        case .enumeration(let name): "enum \(name)"
        case .message(let name): "message \(name)"
        case .map: "map"
        case .optional(let kind): "optional \(kind.markdown)"
        case .repeated(let kind): "repeated \(kind.markdown)"
        }
    }
}
