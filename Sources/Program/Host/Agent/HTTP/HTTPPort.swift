import NIOCore

/// What the gates of one port share; confined to the loop.
final class HTTPPort {
    /// How long a client may keep silent before it is taken for one that waits for the server's first word.
    static let sniffTime = TimeAmount.milliseconds(200)

    let eventLoop: any EventLoop
    let router: any RequestRouter
    let dialler: any UpstreamDialler
    let counts: AgentCounts
    let sniffTime: TimeAmount
    /// Connections whose HTTP/2 goes to the app as it is.
    private var framed: [ObjectIdentifier: HTTPGate] = [:]

    init(
        eventLoop: any EventLoop,
        router: any RequestRouter,
        dialler: any UpstreamDialler,
        counts: AgentCounts,
        sniffTime: TimeAmount = HTTPPort.sniffTime
    ) {
        self.eventLoop = eventLoop
        self.router = router
        self.dialler = dialler
        self.counts = counts
        self.sniffTime = sniffTime
    }

    /// Serves a connection that does not read yet.
    func serve(_ channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(HTTPGate(self))
        // From here on the gate says when to read.
        try channel.syncOptions?.setOption(.autoRead, value: true)
    }

    /// The routes have changed: connections that cannot follow request by request are asked to come again.
    func routesChanged() {
        for gate in framed.values { gate.checkFrames() }
    }

    func entered(_ gate: HTTPGate) { framed[ObjectIdentifier(gate)] = gate }

    func left(_ gate: HTTPGate) { framed[ObjectIdentifier(gate)] = nil }
}
