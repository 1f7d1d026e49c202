/// Why a filter cannot be used, in words for the user.
package struct FilterProblem: Error, Sendable, Hashable, CustomStringConvertible {
    /// The cause, naming the input it is about.
    package let message: String

    package init(_ message: String) {
        self.message = message
    }

    package var description: String { message }
}
