import Glibc

/// A call to the system that failed, and what it was for.
package struct RuntimeError: Error, Sendable, CustomStringConvertible {
    /// What was being done, such as `mount /proc`.
    package let operation: String
    /// `errno` after the call, or zero when the fault was found here.
    package let code: CInt

    /// Takes `errno` as it is now.
    package init(_ operation: String) {
        self.operation = operation
        self.code = errno
    }

    /// An error with a code of its own; zero leaves the operation to say it all.
    package init(_ operation: String, code: CInt) {
        self.operation = operation
        self.code = code
    }

    package var description: String {
        self.code == 0 ? self.operation : "\(self.operation): \(Self.text(self.code))"
    }

    /// The C library's words for an error number.
    package static func text(_ code: CInt) -> String {
        // Takes a lock of its own and is never changed under us: every text but that of unknown numbers is constant.
        String(cString: strerror(code))
    }
}

/// Passes a call's result on, or throws with `errno` when it is negative.
@discardableResult
func checked<Result: SignedInteger>(
    _ result: Result,
    _ operation: @autoclosure () -> String
) throws(RuntimeError)
    -> Result
{
    guard result >= 0 else { throw RuntimeError(operation()) }
    return result
}
