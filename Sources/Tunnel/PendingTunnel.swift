internal import HTTP2
internal import NIOCore

/// A tunnel whose request has come and whose answer is not given yet; confined to its stream's loop.
///
/// What the peer sends meanwhile is kept: no more than the stream's window, since nothing is consumed.
final class PendingTunnel: @unchecked Sendable {
    private let stream: HTTP2Stream
    private let destination: TunnelDestination
    private let ledger: TunnelLedger?
    private var early: [ByteBuffer] = []
    private var ended = false
    /// The peer still waits for an answer.
    private(set) var isWaiting = true
    /// Called when the peer gives up before the answer.
    var onAbandon: (() -> Void)?

    init(_ stream: HTTP2Stream, _ destination: TunnelDestination, _ ledger: TunnelLedger?) {
        self.stream = stream
        self.destination = destination
        self.ledger = ledger
        stream.onData = { self.early.append($0) }
        stream.onEnd = { self.ended = true }
        stream.onClose = { _ in
            let onAbandon = self.onAbandon
            self.detach()
            onAbandon?()
        }
    }

    var eventLoop: any EventLoop { self.stream.link.eventLoop }

    /// Answers that there will be no tunnel.
    func fail(_ failure: DialFailure) {
        guard self.isWaiting else { return }
        self.detach()
        self.ledger?.failed(self.destination, failure)
        Self.refuse(self.stream, failure, status: failure.status)
    }

    /// Answers that the tunnel is open, and joins it with a socket.
    func succeed(with channel: any Channel) {
        guard self.isWaiting, channel.eventLoop === self.eventLoop else {
            channel.close(promise: nil)
            return self.fail(.failed("the socket is on another loop"))
        }
        let (early, ended) = self.detach()
        self.accept()
        Splice.join(channel, self.stream, early: early, ended: ended)
    }

    /// Answers that the tunnel is open, and joins it with a UDP socket.
    func succeed(withDatagrams channel: any Channel, idle: TimeAmount) {
        guard self.isWaiting else { return channel.close(promise: nil) }
        let (early, ended) = self.detach()
        self.accept()
        DatagramSplice.join(channel, UDPTunnel(self.stream), idle: idle, early: early, ended: ended)
    }

    /// Answers that the tunnel is open, and gives it away.
    func succeed(_ take: (UDPTunnel) -> Void) {
        guard self.isWaiting else { return }
        let (early, ended) = self.detach()
        self.accept()
        let tunnel = UDPTunnel(self.stream)
        take(tunnel)
        for bytes in early { tunnel.take(bytes) }
        if ended { self.stream.end() }
    }

    /// Opens the same tunnel over another link, and answers as that one answers.
    func relay(
        _ dialler: TunnelDialler,
        _ transport: TunnelRequest.Transport,
        _ destination: TunnelDestination,
        _ fields: [HeaderField],
        _ timeout: TimeAmount?
    ) {
        let farLoop = dialler.link.eventLoop
        farLoop.execute {
            // Capsules are the same on both sides: UDP is joined as it is, too.
            let cancel = dialler.open(transport, to: destination, fields: fields, timeout: timeout) { result in
                switch result {
                case .failure(let failure): self.here { $0.fail(failure) }
                case .success(let far):
                    let relay = Relay(near: self.stream, far: far)
                    // Before the far loop goes on, as bytes may follow at once.
                    relay.far.start(relay, early: [], ended: false)
                    self.here { $0.join(relay, farLoop) }
                }
            }
            let abandon = NIOLoopBound(cancel, eventLoop: farLoop)
            self.here { me in
                let give = { farLoop.execute { abandon.value() } }
                if me.isWaiting { me.onAbandon = give } else { give() }
            }
        }
    }

    /// Says no on a stream; the peer is to end its half then.
    static func refuse(_ stream: HTTP2Stream, _ failure: DialFailure, status: String) {
        stream.sendHeaders(
            [HeaderField(":status", status), HeaderField("tp-dial-error", failure.token)],
            endStream: true
        )
    }

    private func here(_ body: @escaping @Sendable (PendingTunnel) -> Void) {
        if self.eventLoop.inEventLoop { body(self) } else { self.eventLoop.execute { body(self) } }
    }

    private func join(_ relay: Relay, _ farLoop: any EventLoop) {
        guard self.isWaiting else {
            return farLoop.execute { relay.far.stream.reset(.cancel) }
        }
        let (early, ended) = self.detach()
        self.accept()
        relay.near.start(relay, early: early, ended: ended)
    }

    @discardableResult
    private func detach() -> (early: [ByteBuffer], ended: Bool) {
        self.isWaiting = false
        self.onAbandon = nil
        self.stream.onData = nil
        self.stream.onEnd = nil
        self.stream.onClose = nil
        defer { self.early = [] }
        return (self.early, self.ended)
    }

    private func accept() {
        self.ledger?.succeeded()
        self.stream.isTunnel = true
        self.stream.sendHeaders([HeaderField(":status", "200")], endStream: false)
    }
}
