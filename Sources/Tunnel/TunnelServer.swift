package import HTTP2
package import NIOCore

/// Serves requests for tunnels on links of which this side is the HTTP/2 server.
///
/// Confined to one event loop, that of its links.
package final class TunnelServer {
    /// What is done with a request.
    package enum Route: Sendable {
        /// Dial from here.
        case dial(TunnelDestination)
        /// Pass on over another link, on any loop, with these fields; `timeout` is for the far answer.
        case relay(TunnelDialler, TunnelDestination, fields: [HeaderField], timeout: TimeAmount?)
        /// Use a TCP channel on the request's loop that does not read yet.
        case adopt(any Channel)
        /// Give a UDP tunnel away, on the request's loop; its new owner sets the callbacks.
        case datagrams(@Sendable (UDPTunnel) -> Void)
        /// Refuse.
        case refuse(DialFailure)
    }

    /// Decides about a request: called on the loop, answers once, from anywhere, now or later.
    package typealias Router = (TunnelRequest, _ answer: @escaping @Sendable (Route) -> Void) -> Void

    private let eventLoop: any EventLoop
    private let dialTimeout: TimeAmount
    private let idleTimeout: TimeAmount
    private let route: Router
    private let ledger: TunnelLedger?

    /// Makes a server.
    ///
    /// - Parameters:
    ///   - eventLoop: That of its links.
    ///   - dialTimeout: How long a dial from here may take.
    ///   - idleTimeout: How long a UDP flow may be silent.
    ///   - ledger: Counts what becomes of requests.
    ///   - route: Decides.
    package init(
        eventLoop: any EventLoop,
        dialTimeout: TimeAmount = .seconds(10),
        idleTimeout: TimeAmount = .seconds(60),
        ledger: TunnelLedger? = nil,
        route: @escaping Router
    ) {
        self.eventLoop = eventLoop
        self.dialTimeout = dialTimeout
        self.idleTimeout = idleTimeout
        self.ledger = ledger
        self.route = route
    }

    /// Takes a stream that the peer has opened: call it in the link's `onStream`.
    ///
    /// - Returns: False when the request does not ask for a tunnel; the stream is untouched then.
    package func handle(_ stream: HTTP2Stream, _ fields: [HeaderField]) -> Bool {
        switch TunnelRequest.parse(fields) {
        case nil: return false
        case .failure(let failure): PendingTunnel.refuse(stream, failure, status: "400")
        case .success(let request):
            let pending = PendingTunnel(stream, request.destination, self.ledger)
            let loop = self.eventLoop
            let me = NIOLoopBound(self, eventLoop: loop)
            self.route(request) { route in
                if loop.inEventLoop {
                    me.value.carry(out: route, request, pending)
                } else {
                    loop.execute { me.value.carry(out: route, request, pending) }
                }
            }
        }
        return true
    }

    private func carry(out route: Route, _ request: TunnelRequest, _ pending: PendingTunnel) {
        guard pending.isWaiting else {
            if case .adopt(let channel) = route { channel.close(promise: nil) }
            return
        }
        switch route {
        case .refuse(let failure): pending.fail(failure)
        case .adopt(let channel): pending.succeed(with: channel)
        case .datagrams(let take) where request.transport == .udp: pending.succeed(take)
        case .datagrams: pending.fail(.failed("the tunnel does not carry UDP"))
        case .relay(let dialler, let destination, let fields, let timeout):
            pending.relay(dialler, request.transport, destination, fields, timeout)
        case .dial(let destination) where request.transport == .tcp:
            TunnelSocket.dialTCP(destination, on: self.eventLoop, timeout: self.dialTimeout) { channel in
                pending.onAbandon = { channel.close(promise: nil) }
            }
            .whenComplete { result in
                switch result {
                case .success(let channel): pending.succeed(with: channel)
                case .failure(let error): pending.fail(DialFailure(error))
                }
            }
        case .dial(let destination):
            let idle = self.idleTimeout
            TunnelSocket.dialUDP(destination, on: self.eventLoop).whenComplete { result in
                switch result {
                case .success(let channel): pending.succeed(withDatagrams: channel, idle: idle)
                case .failure(let error): pending.fail(DialFailure(error))
                }
            }
        }
    }
}
