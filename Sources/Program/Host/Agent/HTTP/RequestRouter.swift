import Actor

/// Who serves a request.
enum RequestDestination: Hashable {
    case app
    case workstation(AgentRoutes.Target)
}

/// Says where the requests to one port go; confined to the event loop.
///
/// It is asked per request, so that what changes holds for the next request, also on a connection that is open.
protocol RequestRouter: AnyObject {
    /// Where everything goes; nil where it depends on the request.
    var standing: RequestDestination? { get }

    /// What was said before may not hold any more.
    func routesChanged()

    /// Where this request goes.
    func destination(of head: some RequestHead) -> RequestDestination
}
