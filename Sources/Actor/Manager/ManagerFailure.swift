/// Why the traffic manager could not do what it was asked, in words for the user.
package struct ManagerFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// What kind of failure it is; the numbers are those of call statuses.
    package enum Code: UInt32, Sendable, Hashable {
        /// The request is wrong in itself.
        case invalid = 3
        /// It took too long.
        case timeout = 4
        /// What is named does not exist.
        case notFound = 5
        /// Somebody holds what is asked for.
        case conflict = 6
        /// The cluster does not let the manager do it.
        case forbidden = 7
        /// Too much of something.
        case exhausted = 8
        /// The state of the cluster does not allow it.
        case precondition = 9
        /// The request was given up.
        case aborted = 10
        /// Something inside went wrong.
        case failed = 13
        /// Something needed does not answer.
        case unavailable = 14
        /// The session is not the asker's.
        case unauthenticated = 16
    }

    package let code: Code
    /// The cause, naming the input it is about.
    package let message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { message }
}
