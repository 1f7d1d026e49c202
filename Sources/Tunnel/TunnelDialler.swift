package import HTTP2
package import NIOCore

/// Opens tunnels over a link of which this side is the HTTP/2 client.
///
/// Its methods are called on the link's loop; the reference itself may travel.
package final class TunnelDialler: Sendable {
    /// The link that tunnels are opened on.
    package let link: Link

    /// Opens tunnels on `link`.
    package init(link: Link) { self.link = link }

    /// Opens tunnels on `link`, whose loop the caller names.
    package init(link: Link, eventLoop: any EventLoop) {
        assert(eventLoop === link.eventLoop)
        self.link = link
    }

    /// Opens a TCP tunnel by CONNECT (RFC 9113, 8.5).
    ///
    /// - Parameters:
    ///   - destination: Where the far side shall dial.
    ///   - fields: Travel with the request.
    ///   - timeout: How long the far dial may take; nil leaves it to the far side.
    ///   - completion: Called once on the loop, never synchronously, with the stream open both ways; its owner sets the
    ///     stream's callbacks before returning, mostly by ``Splice/join(_:_:early:ended:)``.
    /// - Returns: A function that cancels the dial, then `completion` is not called; harmless once it is done.
    @discardableResult
    package func openTCP(
        to destination: TunnelDestination,
        fields: [HeaderField] = [],
        timeout: TimeAmount? = nil,
        then completion: @escaping (Result<HTTP2Stream, DialFailure>) -> Void
    ) -> () -> Void {
        self.open(.tcp, to: destination, fields: fields, timeout: timeout, then: completion)
    }

    /// Opens a UDP tunnel by extended CONNECT (RFC 9298).
    ///
    /// - Parameters:
    ///   - destination: Where the far side shall send.
    ///   - fields: Travel with the request.
    ///   - timeout: How long the answer may take; nil leaves it to the far side.
    ///   - completion: Called once on the loop, never synchronously; its owner sets the tunnel's callbacks before returning.
    /// - Returns: A function that cancels; harmless once it is done.
    @discardableResult
    package func openUDP(
        to destination: TunnelDestination,
        fields: [HeaderField] = [],
        timeout: TimeAmount? = nil,
        then completion: @escaping (Result<UDPTunnel, DialFailure>) -> Void
    ) -> () -> Void {
        self.open(.udp, to: destination, fields: fields, timeout: timeout) { completion($0.map { UDPTunnel($0) }) }
    }

    /// Opens a tunnel and leaves its stream as it is.
    func open(
        _ transport: TunnelRequest.Transport,
        to destination: TunnelDestination,
        fields: [HeaderField],
        timeout: TimeAmount?,
        then completion: @escaping (Result<HTTP2Stream, DialFailure>) -> Void
    ) -> () -> Void {
        self.link.eventLoop.assertInEventLoop()
        let dial = TunnelDial(completion)
        dial.limit(timeout, on: self.link.eventLoop)
        switch transport {
        case .tcp:
            let head = [
                HeaderField(":method", "CONNECT"), HeaderField(":authority", destination.authority),
            ]
            dial.start(on: self.link, head + fields)
        case .udp:
            let head = [
                HeaderField(":method", "CONNECT"), HeaderField(":protocol", "connect-udp"),
                HeaderField(":scheme", "https"), HeaderField(":authority", "telepresence"),
                HeaderField(":path", destination.path), HeaderField("capsule-protocol", "?1"),
            ]
            // RFC 8441, 3: not before the peer has said that it takes this.
            self.link.whenSettled {
                guard self.link.closeReason != nil || self.link.peerAcceptsExtendedConnect else {
                    return dial.failLater(.failed("the far side does not carry UDP"), on: self.link.eventLoop)
                }
                dial.start(on: self.link, head + fields)
            }
        }
        return { dial.abandon(nil) }
    }
}
