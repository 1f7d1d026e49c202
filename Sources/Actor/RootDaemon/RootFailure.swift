/// Why the root daemon does not do what was asked.
package struct RootFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// What kind of failure it is.
    package enum Kind: Hashable, Sendable {
        /// The request makes no sense.
        case invalid
        /// Somebody else's network is set up.
        case busy
        /// There is no network of the caller's.
        case absent
        /// The system refused.
        case failed
    }

    package let kind: Kind

    /// For people.
    package let description: String

    package init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
