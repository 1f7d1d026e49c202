import Actor
import HTTP2
import NIOCore
import Tunnel

/// Ends a client's HTTP/2 connection, and passes each of its streams on: to the app, or to a workstation.
///
///     client ──► Link (server) ──stream──► HTTP2Relay ──stream──► Link (client) of an HTTP2Upstream ──► app, workstations
///
/// What is said about a stream is passed on as it is, rules of messages unchecked: the fields byte for byte, interim responses, trailers,
/// resets, and flow control from end to end. What is said about a connection holds for each of the two: settings, pings, GOAWAY. The
/// client is told what the app allows: so many streams, extended CONNECT.
///
/// There is one upstream per destination, opened when it is first needed and used by all streams from then on. Which one a stream is for
/// is decided by its head alone, so that what changes in the attachments holds for the next stream. A stream whose workstation does
/// not answer goes to the app; nothing of it had been passed on.
///
/// Confined to the loop of all its channels. Alive as long as the client's link.
final class HTTP2Gate {
    /// How long the connections of a client that is gone may take to end: its last request may be complete here, while whom it is
    /// for reads it slowly.
    private static let lastWords = TimeAmount.seconds(60)
    /// How long a client may stay that was told to come again.
    private static let farewell = TimeAmount.seconds(5)

    let port: HTTPPort
    /// The client's; nil before it is served.
    private(set) var link: Link?
    private var upstreams: [RequestDestination: HTTP2Upstream] = [:]
    private var isOver = false

    init(_ port: HTTPPort) { self.port = port }

    // MARK: The beginning

    /// Asks the app what it allows, as the client is to be told the same.
    ///
    /// - Parameter then: Called once, never synchronously: when the app has answered, or will not.
    func prepare(then: @escaping (HTTP2Gate) -> Void) {
        var waits: (() -> Void)?
        let timer = port.eventLoop.assumeIsolated().scheduleTask(in: port.settingsTime) { waits?() }
        waits = { [self] in
            waits = nil
            timer.cancel()
            then(self)
        }
        upstream(for: .app).whenSettled { waits?() }
    }

    /// Takes over a channel of which nothing was read by others, or what they read is fired through its pipeline after this.
    func serve(_ channel: any Channel) {
        let app = upstreams[.app]?.link
        let configuration = HTTP2Limits.client(
            streams: app?.peerMaximumStreams,
            extendedConnect: app?.peerAcceptsExtendedConnect == true
        )
        Link.start(on: channel, role: .server, configuration: configuration).assumeIsolated().whenComplete { [self] in
            guard case .success(let link) = $0 else { return end() }
            self.link = link
            link.onRequest = { [self] stream, head, endStream in
                route(HTTP2Relay(stream, head, endStream: endStream, gate: self))
            }
            link.onClose = { [self] _ in end() }
            port.entered(self)
        }
    }

    /// The client is gone.
    func end() {
        guard !isOver else { return }
        isOver = true
        port.left(self)
        let all = upstreams.values
        upstreams = [:]
        for upstream in all { upstream.retire(within: Self.lastWords) }
        link = nil
    }

    // MARK: Streams

    /// Finds who serves a stream of which nothing was passed on.
    func route(_ relay: HTTP2Relay, toApp: Bool = false) {
        guard !isOver else { return }
        upstream(for: toApp ? .app : destination(of: relay.head)).take(relay)
    }

    private func destination(of head: HeaderBlock) -> RequestDestination {
        let destination =
            port.router.standing ?? head.withView { port.router.destination(of: FieldsHead(view: $0)) }
        if case .workstation(let target) = destination, !port.dialler.hasWay(to: target) { return .app }
        return destination
    }

    private func upstream(for destination: RequestDestination) -> HTTP2Upstream {
        if let upstream = upstreams[destination] { return upstream }
        let upstream = HTTP2Upstream(destination, self)
        upstreams[destination] = upstream
        upstream.dial()
        return upstream
    }

    // MARK: From upstreams

    /// It takes no new streams any more; those that it has go on.
    func detach(_ upstream: HTTP2Upstream) {
        if upstreams[upstream.destination] === upstream { upstreams[upstream.destination] = nil }
    }

    /// It could not be reached; nothing of these streams was passed on.
    func unreachable(_ upstream: HTTP2Upstream, _ waiting: [HTTP2Relay]) {
        detach(upstream)
        guard upstream.destination == .app else {
            for relay in waiting { route(relay, toApp: true) }
            return
        }
        end(waiting, with: .refusedStream) { link in
            // The app refuses: so do we, as it would have done itself.
            SocketReset.close(link.channel)
        }
    }

    /// Its connection is over, in the middle of these streams.
    func lost(_ upstream: HTTP2Upstream, _ reason: LinkCloseReason, _ relays: [HTTP2Relay]) {
        detach(upstream)
        if relays.isEmpty {
            // It left when there was nothing to do, as servers do from time to time: the client is to come again, as it would have.
            if upstream.destination == .app, let link, link.streamCount == 0 { link.drain(within: Self.farewell) }
            return
        }
        end(relays, with: .internalError) { link in
            if case .transport = reason { SocketReset.close(link.channel) } else { link.close() }
        }
    }

    /// Ends streams whose upstream is gone: where the client has no others, its connection ends as that of the upstream did.
    private func end(_ relays: [HTTP2Relay], with code: HTTP2ErrorCode, connection: (Link) -> Void) {
        let open = relays.filter { !$0.isOver }
        guard let link, !open.isEmpty else { return }
        if open.count == link.streamCount { return connection(link) }
        for relay in open { relay.fail(code) }
    }

    /// The port's routes may have changed: what workstations are not needed any more are left.
    func routesChanged() {
        for (destination, upstream) in upstreams where destination != .app && upstream.link != nil {
            detach(upstream)
            upstream.retire(within: nil)
        }
    }
}
