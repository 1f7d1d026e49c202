package import Message

/// The methods of the service `RootDaemon`, answered by the root daemon on its Unix socket.
///
/// All unary.
package enum RootDaemonCalls {
    /// Who answers.
    package static let version = CallMethod<Empty, VersionInfo>("RootDaemon", "Version")
    /// What the daemon is doing.
    package static let status = CallMethod<Empty, RootStatus>("RootDaemon", "Status")
    /// Makes the virtual interface, routes and DNS hook.
    package static let setUp = CallMethod<NetworkSetup, NetworkSetupResult>("RootDaemon", "SetUp")
    /// Replaces the routes.
    package static let updateRoutes = CallMethod<RouteUpdate, Empty>("RootDaemon", "UpdateRoutes")
    /// Undoes everything.
    package static let tearDown = CallMethod<Empty, Empty>("RootDaemon", "TearDown")
    /// Ends the daemon, unless somebody else's network is set up.
    package static let quit = CallMethod<Empty, Empty>("RootDaemon", "Quit")
}
