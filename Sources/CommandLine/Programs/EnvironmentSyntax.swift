import ArgumentParser
import Foundation

/// How `--env-file` is written, so that a shell, a tool or an IDE can read it.
///
/// Written `sh`, or `sh:export` where the variables are to reach the programs that the shell starts.
package struct EnvironmentSyntax: Sendable, Equatable, ExpressibleByArgument {
    /// Who is to read the file.
    package enum Reader: String, Sendable, CaseIterable {
        case docker, compose, sh, csh, cmd, json, ps
    }

    package var reader: Reader
    package var exports: Bool

    package init(_ reader: Reader, exports: Bool = false) {
        self.reader = reader
        self.exports = exports
    }

    package init?(argument: String) {
        let parts = argument.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard let reader = Reader(rawValue: String(parts[0])) else { return nil }
        if parts.count == 2 {
            guard parts[1] == "export", [.sh, .csh, .ps].contains(reader) else { return nil }
        }
        self.init(reader, exports: parts.count == 2)
    }

    package static var allValueStrings: [String] {
        Reader.allCases.map(\.rawValue) + ["sh:export", "csh:export", "ps:export"]
    }

    package var defaultValueDescription: String { reader.rawValue + (exports ? ":export" : "") }

    /// The whole file, the variables sorted by name.
    ///
    /// A variable that the reader cannot have by that name is left out, with a comment that says so.
    package func text(_ variables: [String: String]) throws -> String {
        if reader == .json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
            return String(decoding: try encoder.encode(variables), as: UTF8.self) + "\n"
        }
        return variables.sorted { $0.key < $1.key }.map { line($0.key, $0.value) + "\n" }.joined()
    }

    private func line(_ name: String, _ value: String) -> String {
        if [.sh, .csh, .ps].contains(reader), !Self.isIdentifier(name) {
            return "# \(name): no variable of a shell can be called that"
        }
        return switch reader {
        case .docker, .compose: "\(name)=\(reader == .docker ? Self.docker(value) : Self.compose(value))"
        case .sh: (exports ? "export " : "") + "\(name)='\(value.replacing("'", with: "'\\''"))'"
        case .csh: exports ? "setenv \(name) '\(Self.csh(value))'" : "set \(name)='\(Self.csh(value))'"
        case .ps: (exports ? "$Env:" : "$") + "\(name)='\(value.replacing("'", with: "''"))'"
        // cmd knows neither quotes nor line breaks in a value; a line break ends it.
        case .cmd: "set \"\(name)=\(value.split(whereSeparator: \.isNewline).joined(separator: " "))\""
        case .json: ""
        }
    }

    /// Docker takes everything to the end of the line and has no way to write a line break: such a value is put in double
    /// quotes with its line breaks as `\n`.
    private static func docker(_ value: String) -> String {
        value.contains(where: \.isNewline) ? quoted(value) : value
    }

    /// Compose expands `$` and takes quotes and `#` as a shell does: what is not plain is put in quotes.
    private static func compose(_ value: String) -> String {
        let plain = value.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-./:@%+,=".contains($0)) }
        return plain ? value : quoted(value).replacing("$", with: "$$")
    }

    private static func quoted(_ value: String) -> String {
        let escaped = value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\r\n", with: "\\r\\n").replacing("\r", with: "\\r").replacing("\n", with: "\\n")
        return "\"\(escaped)\""
    }

    /// In single quotes, where an exclamation mark and a line break still have a meaning.
    private static func csh(_ value: String) -> String {
        value.replacing("'", with: "'\\''").replacing("!", with: "\\!").replacing("\n", with: "\\\n")
    }

    private static func isIdentifier(_ name: String) -> Bool {
        guard let first = name.utf8.first, !(48...57).contains(first) else { return false }
        return name.utf8.allSatisfy { (48...57).contains($0) || (65...90).contains($0 & 0xdf) || $0 == 95 }
    }
}
