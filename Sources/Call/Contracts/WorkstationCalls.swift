package import Message

/// The methods of the service `Workstation`, answered by the dialler of a reverse link.
package enum WorkstationCalls {
    /// Whose link it is.
    ///
    /// Unary, the first request on the link.
    package static let identify = CallMethod<Empty, WorkstationIdentity>("Workstation", "Identify")
}
