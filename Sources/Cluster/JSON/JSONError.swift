/// Why a JSON text could not be read.
package struct JSONError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What was wrong, in words.
    package let problem: String
    /// Where, in bytes from the start of the text.
    package let offset: Int

    package init(problem: String, offset: Int) {
        self.problem = problem
        self.offset = offset
    }

    package var description: String { "not valid JSON at byte \(offset): \(problem)" }
}
