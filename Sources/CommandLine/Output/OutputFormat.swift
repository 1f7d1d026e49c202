import ArgumentParser
import Foundation

/// How results are printed.
package enum OutputFormat: String, Sendable, CaseIterable, ExpressibleByArgument {
    /// For people.
    case `default`
    /// One JSON object on standard output; on failure an object with the one field `error`.
    case json
    /// One JSON object on each line, for as long as there is something to say.
    case jsonStream = "json-stream"

    /// It is for programs to read.
    package var isStructured: Bool { self != .default }

    /// An object as JSON, keys sorted so that scripts and people can compare; on one line where it is one of many.
    package func encode(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        if self != .jsonStream { encoder.outputFormatting.insert(.prettyPrinted) }
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }
}
