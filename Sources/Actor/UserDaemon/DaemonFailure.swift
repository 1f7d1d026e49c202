/// Why the user daemon could not do what it was asked, in words for the user.
package struct DaemonFailure: Error, Sendable, Equatable {
    /// What kind of failure it is; the handler maps it to a call status.
    package enum Code: Sendable, Equatable {
        /// The request is wrong: a name, a port, a combination.
        case invalid
        /// What is named does not exist.
        case notFound
        /// Something else holds what is asked for.
        case conflict
        /// The state does not allow it: not connected, already connected elsewhere.
        case precondition
        /// The credentials were refused.
        case unauthenticated
        /// The credentials lack a right.
        case forbidden
        /// The other side cannot be reached, or went away.
        case unavailable
        /// It took too long.
        case timeout
        /// Everything else.
        case failed
    }

    package let code: Code
    /// The cause, naming the input it is about.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
