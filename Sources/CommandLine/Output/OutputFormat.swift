import ArgumentParser
import Foundation
import Yams

/// How results are printed.
package enum OutputFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
    /// For people.
    case `default`
    /// One JSON object on standard output; on failure an object with the one field `error`.
    case json
    /// The same as YAML; what goes on is one document after another.
    case yaml
    /// One JSON object on each line, for as long as there is something to say.
    case jsonStream = "json-stream"

    /// The format that arguments ask for, however wrong the rest of them may be.
    static func asked(by arguments: [String]) -> OutputFormat {
        let words = arguments.prefix { $0 != "--" }
        let values = zip(words, words.dropFirst() + [""]).compactMap { word, next in
            word == "--format" ? next : word.hasPrefix("--format=") ? String(word.dropFirst(9)) : nil
        }
        return values.last.flatMap(OutputFormat.init(rawValue:)) ?? .default
    }

    /// A failure, as every command prints it.
    func failure(_ message: String) -> String { (try? encode(["error": message])) ?? #"{"error": ""}"# }

    /// It is for programs to read.
    package var isStructured: Bool { self != .default }

    /// It is JSON.
    var isJSON: Bool { self == .json || self == .jsonStream }

    /// An object as text, keys sorted so that scripts and people can compare; in `jsonStream` on one line.
    package func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if self != .jsonStream { encoder.outputFormatting.insert(.prettyPrinted) }
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let text = String(decoding: try encoder.encode(value), as: UTF8.self)
        return self == .yaml ? try Self.yaml(text) : text
    }

    /// One of many objects: a line of JSON, or a document of YAML.
    package func encodeNext(_ value: some Encodable) throws -> String {
        self == .yaml ? "---\n" + (try encode(value)) : try Self.jsonStream.encode(value)
    }

    /// JSON is YAML already; in block style and without needless quotes it is for people, too.
    private static func yaml(_ json: String) throws -> String {
        guard let node = try Yams.compose(yaml: json) else { return json }
        return try Yams.serialize(node: block(node), width: -1, allowUnicode: true)
    }

    private static func block(_ node: Node) -> Node {
        switch node {
        case .mapping(let mapping):
            // An empty one has no other style.
            let style: Node.Mapping.Style = mapping.isEmpty ? .flow : .block
            return .mapping(Node.Mapping(mapping.map { (block($0.key), block($0.value)) }, .implicit, style))
        case .sequence(let sequence):
            let style: Node.Sequence.Style = sequence.isEmpty ? .flow : .block
            return .sequence(Node.Sequence(sequence.map(block), .implicit, style))
        case .scalar(let scalar):
            guard scalar.style == .doubleQuoted, !scalar.string.contains(where: \.isNewline),
                Resolver.default.resolveTag(of: Node(scalar.string)) == .str
            else { return node }
            return .scalar(Node.Scalar(scalar.string, Tag(.str), .any))
        default: return node
        }
    }
}
