package import Message

/// Sets up the workstation's network.
///
/// Calls block for some milliseconds.
package protocol RootNetwork: Sendable {
    /// Sets all up, or nothing.
    func setUp(_ setup: NetworkSetup) throws(RootFailure) -> any EstablishedNetwork
}

/// A network that was set up.
package protocol EstablishedNetwork: AnyObject, Sendable {
    /// What was set up; without a token.
    var result: NetworkSetupResult { get }

    /// The subnets that are routed now.
    var routes: [String] { get }

    /// Routes other subnets. On failure the old ones stay.
    func replaceRoutes(_ routes: [String]) throws(RootFailure)

    /// Takes everything down. The second time does nothing.
    func undo()
}
