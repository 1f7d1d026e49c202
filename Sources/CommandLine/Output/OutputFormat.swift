import ArgumentParser
import Foundation

/// How results are printed.
package enum OutputFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
    /// For people.
    case `default`
    /// One JSON object on standard output; on failure an object with the one field `error`.
    case json

    /// An object as JSON, keys sorted so that scripts and people can compare.
    package static func json(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
