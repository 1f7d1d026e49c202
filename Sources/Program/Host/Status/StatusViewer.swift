/// Who looks at a component's state, and so how much of it he sees.
package struct StatusViewer: Sendable, Equatable {
    /// The session of who asks; nil on a socket that belongs to the user.
    package var session: String?
    /// Whether he sees what is others'.
    package var seesAll: Bool

    /// Sees everything.
    package static let owner = StatusViewer(session: nil, seesAll: true)
}
