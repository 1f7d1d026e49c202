import Glibc

/// A system call that failed: what was tried, on what, and the kernel's `errno`.
package struct SystemError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The call or the intent, such as `connect` or `add route`.
    package let operation: String

    /// What the call was about, such as an address or a path.
    ///
    /// May be empty.
    package let subject: String

    /// The positive `errno`.
    package let code: CInt

    /// Describes a failure with a known `errno`.
    package init(_ operation: String, _ subject: String = "", code: CInt) {
        self.operation = operation
        self.subject = subject
        self.code = code
    }

    /// Describes the failure that the calling thread's `errno` tells of.
    package static func last(_ operation: String, _ subject: String = "") -> SystemError {
        SystemError(operation, subject, code: errno)
    }

    /// The kernel's own words for the code.
    package var reason: String {
        String(cString: strerror(code))
    }

    package var description: String {
        subject.isEmpty ? "\(operation): \(reason)" : "\(operation) \(subject): \(reason)"
    }
}
