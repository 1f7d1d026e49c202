import NIOCore

/// What the gates of one port share; confined to the loop.
final class HTTPPort {
    /// How long a client may keep silent before it is taken for one that waits for the server's first word.
    static let sniffTime = TimeAmount.milliseconds(200)
    /// How long a client's HTTP/2 waits for what the app allows.
    static let settingsTime = TimeAmount.seconds(1)

    /// How long an upstream that nobody needs is kept: shorter than servers keep connections, and than a cut goes unnoticed.
    static let idleTime = TimeAmount.seconds(1)

    let eventLoop: any EventLoop
    let router: any RequestRouter
    let dialler: any UpstreamDialler
    let counts: AgentCounts
    /// Nothing stands between a gate or its upstreams and their sockets.
    let isPlain: Bool
    let sniffTime: TimeAmount
    let settingsTime: TimeAmount
    let idleTime: TimeAmount
    /// Connections whose HTTP/2 goes to the app as it is.
    private var framed: [ObjectIdentifier: HTTPGate] = [:]
    /// Connections whose HTTP/2 is ended here.
    private var ended: [ObjectIdentifier: HTTP2Gate] = [:]

    init(
        eventLoop: any EventLoop,
        router: any RequestRouter,
        dialler: any UpstreamDialler,
        counts: AgentCounts,
        isPlain: Bool,
        sniffTime: TimeAmount = HTTPPort.sniffTime,
        settingsTime: TimeAmount = HTTPPort.settingsTime,
        idleTime: TimeAmount = HTTPPort.idleTime
    ) {
        self.eventLoop = eventLoop
        self.router = router
        self.dialler = dialler
        self.counts = counts
        self.isPlain = isPlain
        self.sniffTime = sniffTime
        self.settingsTime = settingsTime
        self.idleTime = idleTime
    }

    /// Serves a connection that does not read yet.
    func serve(_ channel: any Channel) throws {
        try channel.pipeline.syncOperations.addHandler(HTTPGate(self))
        // From here on the gate says when to read.
        try channel.syncOptions?.setOption(.autoRead, value: true)
    }

    /// The routes have changed: connections that cannot follow request by request are asked to come again.
    func routesChanged() {
        router.routesChanged()
        for gate in framed.values { gate.checkFrames() }
        for gate in ended.values { gate.routesChanged() }
    }

    func entered(_ gate: HTTPGate) { framed[ObjectIdentifier(gate)] = gate }

    func left(_ gate: HTTPGate) { framed[ObjectIdentifier(gate)] = nil }

    func entered(_ gate: HTTP2Gate) { ended[ObjectIdentifier(gate)] = gate }

    func left(_ gate: HTTP2Gate) { ended[ObjectIdentifier(gate)] = nil }
}
