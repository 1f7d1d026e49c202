package import HTTP2
package import NIOCore
import NIOPosix

/// Serves requests for tunnels on links of which this side is the HTTP/2 server. Confined to one event loop.
package final class TunnelServer {
    /// What is done with a request.
    package enum Route {
        /// Dial from here.
        case dial(TunnelDestination)
        /// Pass on through another link on the same loop, with these fields.
        case relay(TunnelDialler, TunnelDestination, fields: [HeaderField], timeout: TimeAmount?)
        /// Use an open socket's channel, which must be on the same loop and not be reading yet.
        case adopt(any Channel)
        /// Refuse.
        case refuse(DialFailure)
    }

    /// Decides; answers through the second argument, once, on the loop, now or later.
    package typealias Router = (TunnelRequest, @escaping (Route) -> Void) -> Void

    private let eventLoop: any EventLoop
    private let dialTimeout: TimeAmount
    private let idleTimeout: TimeAmount
    private let route: Router

    /// - Parameters:
    ///   - dialTimeout: how long a dial may take.
    ///   - idleTimeout: how long a UDP flow may be silent.
    package init(
        eventLoop: any EventLoop,
        dialTimeout: TimeAmount = .seconds(10),
        idleTimeout: TimeAmount = .seconds(60),
        route: @escaping Router
    ) {
        self.eventLoop = eventLoop
        self.dialTimeout = dialTimeout
        self.idleTimeout = idleTimeout
        self.route = route
    }

    /// Takes a stream that the peer has opened; false where it does not ask for a tunnel.
    package func handle(_ stream: HTTP2Stream, _ fields: [HeaderField]) -> Bool {
        switch TunnelRequest.parse(fields) {
        case nil: return false
        case .failure(let failure): Self.refuse(stream, failure, status: "400")
        case .success(let request):
            let pending = PendingTunnel(stream)
            route(request) { [self] route in
                guard pending.isAlive else {
                    if case .adopt(let channel) = route { channel.close(promise: nil) }
                    return
                }
                carry(out: route, request, pending)
            }
        }
        return true
    }

    private func carry(out route: Route, _ request: TunnelRequest, _ pending: PendingTunnel) {
        switch route {
        case .refuse(let failure): pending.fail(failure)
        case .adopt(let channel): pending.succeed(with: channel)
        case .dial(let destination):
            switch request.transport {
            case .tcp: dialTCP(destination, pending)
            case .udp: dialUDP(destination, pending)
            }
        case .relay(let dialler, let destination, let fields, let timeout):
            switch request.transport {
            case .tcp:
                let cancel = dialler.openTCP(to: destination, fields: fields, timeout: timeout) { result in
                    pending.relay(result)
                }
                pending.onAbandon = cancel
            case .udp:
                // Capsules are the same on both sides: the streams are joined as they are.
                let cancel = dialler.openUDP(to: destination, fields: fields, timeout: timeout) { result in
                    pending.relay(result.map(\.stream))
                }
                pending.onAbandon = cancel
            }
        }
    }

    private func dialTCP(_ destination: TunnelDestination, _ pending: PendingTunnel) {
        let bound = NIOLoopBound(pending, eventLoop: eventLoop)
        TunnelSocket.bootstrap(eventLoop, timeout: dialTimeout)
            .connect(host: destination.host, port: Int(destination.port))
            .hop(to: eventLoop)
            .whenComplete { result in
                switch result {
                case .success(let channel): bound.value.succeed(with: channel)
                case .failure(let error): bound.value.fail(DialFailure(error))
                }
            }
    }

    private func dialUDP(_ destination: TunnelDestination, _ pending: PendingTunnel) {
        let bound = NIOLoopBound(pending, eventLoop: eventLoop)
        let idle = idleTimeout
        DatagramBootstrap(group: eventLoop)
            .channelOption(.autoRead, value: false)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 65_536))
            .connect(host: destination.host, port: Int(destination.port))
            .hop(to: eventLoop)
            .whenComplete { result in
                switch result {
                case .success(let channel): bound.value.succeed(withDatagrams: channel, idle: idle)
                case .failure(let error): bound.value.fail(DialFailure(error))
                }
            }
    }

    static func refuse(_ stream: HTTP2Stream, _ failure: DialFailure, status: String? = nil) {
        stream.sendHeaders(
            [
                HeaderField(name: ":status", value: status ?? failure.status),
                HeaderField(name: "tp-dial-error", value: failure.token),
            ],
            endStream: true
        )
    }
}
