/// One thing that `telepresence lint` looked at.
package struct LintFinding: Sendable, Hashable {
    package enum Level: String, Sendable, Hashable {
        case ok, warning, error
    }

    package let level: Level
    /// What was looked at, in a word or two.
    package let subject: String
    package let message: String

    init(_ level: Level, _ subject: String, _ message: String) {
        self.level = level
        self.subject = subject
        self.message = message
    }
}
