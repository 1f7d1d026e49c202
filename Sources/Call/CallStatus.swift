/// The end of a call: a code and, when it is not `ok`, what went wrong in words.
package struct CallStatus: Error, Sendable, Hashable, CustomStringConvertible {
    package let code: CallCode
    package let message: String

    package init(_ code: CallCode, _ message: String = "") {
        self.code = code
        self.message = message
    }

    /// Nothing went wrong.
    package static let ok = CallStatus(.ok)

    package var description: String {
        message.isEmpty ? code.name : "\(code.name): \(message)"
    }
}
