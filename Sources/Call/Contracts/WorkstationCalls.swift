package import Message

/// The methods of the service `Workstation`, answered by the dialler of a reverse link.
package enum WorkstationCalls {
    /// Whether the link is taken, and why not.
    ///
    /// Unary, the first request on the link.
    package static let admit = CallMethod<LinkVerdict, Empty>("Workstation", "Admit")
}
