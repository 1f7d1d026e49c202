import Foundation
import Glibc
import TestSupport

/// The programs that were built beside the tests, and what they print.
enum Programs {
    /// The program `telepresence`; nil when it was not built.
    static let telepresence: String? = {
        var buffer = [CChar](repeating: 0, count: 4096)
        let count = readlink("/proc/self/exe", &buffer, buffer.count)
        let own = String(decoding: buffer.prefix(max(count, 0)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let arguments = [own] + CommandLine.arguments
        for argument in arguments {
            guard let range = argument.range(of: "/", options: .backwards) else { continue }
            let candidate = argument[..<range.lowerBound] + "/telepresence"
            if FileManager.default.isExecutableFile(atPath: String(candidate)) { return String(candidate) }
        }
        return nil
    }()

    static func path() throws -> String {
        guard let telepresence else { throw CocoaError(.fileNoSuchFile) }
        return telepresence
    }

    static func run(_ words: [String]) throws -> (status: Int32, output: String) { try TestProgram.run(words) }

    static func output(_ words: [String]) throws -> String { try run(words).output }

    static func status(_ words: [String]) throws -> Int32 { try run(words).status }
}
