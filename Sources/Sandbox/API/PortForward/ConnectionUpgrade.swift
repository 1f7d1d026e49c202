import NIOCore

/// A request that turns its connection into something else.
protocol ConnectionUpgrade {
    /// What the answer with status 101 says.
    var headers: [(String, String)] { get }

    /// The pod that it is a port-forward to, as `NAMESPACE/NAME`; nil when it is something else.
    var forwardTarget: String? { get }

    /// The handlers that take the connection over, from below.
    func makeHandlers(access: NodeAccess) -> [any ChannelHandler]
}
