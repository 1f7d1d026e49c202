import Actor
import HTTP2
import NIOCore
import Tunnel

/// Opens the connections on which requests are passed on; confined to the event loop.
///
/// Completions are called once, on the loop, never synchronously, with a channel that does not read yet.
protocol UpstreamDialler: AnyObject {
    /// Dials the app.
    func dialApp(then completion: @escaping (Result<any Channel, any Error>) -> Void)

    /// Whether there is a way to the workstation at all.
    func hasWay(to target: AgentRoutes.Target) -> Bool

    /// Asks the workstation to take a connection; a failure comes within the patience.
    func dialWorkstation(
        _ target: AgentRoutes.Target,
        then completion: @escaping (Result<any Channel, DialFailure>) -> Void
    )
}
