/// What went wrong, with the input it is about, and what to do about it.
package struct CommandError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The cause, in one line that names the input.
    package let message: String
    /// What the user can do, if anything.
    package let remedy: String?
    /// The process's exit status, never 0.
    package let exitCode: Int32

    package init(_ message: String, remedy: String? = nil, exitCode: Int32 = 1) {
        self.message = message
        self.remedy = remedy
        self.exitCode = exitCode
    }

    package var description: String {
        guard let remedy else { return message }
        return "\(message)\n  try: \(remedy)"
    }
}
