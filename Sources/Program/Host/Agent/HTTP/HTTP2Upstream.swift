import Actor
import HTTP2
import NIOCore
import Tunnel

/// One HTTP/2 connection to who serves streams of a client: the app, or a workstation.
///
/// The far side of ``HTTP2Gate``; confined to the loop.
final class HTTP2Upstream {
    let destination: RequestDestination
    /// Nil while it is being dialled.
    private(set) var link: Link?
    private let gate: HTTP2Gate
    /// Streams that wait for the dial.
    private var waiting: [HTTP2Relay] = []
    /// Streams that were open when the connection ended.
    private var lost: [HTTP2Relay] = []
    private var settled: (() -> Void)?
    private var isOver = false

    init(_ destination: RequestDestination, _ gate: HTTP2Gate) {
        self.destination = destination
        self.gate = gate
    }

    func dial() {
        let port = gate.port
        switch destination {
        case .app:
            port.dialler.dialApp { [self] result in
                guard case .success(let channel) = result else { return failed() }
                port.counts.app += 1
                start(channel)
            }
        case .workstation(let target):
            port.dialler.dialWorkstation(target) { [self] result in
                guard case .success(let channel) = result else {
                    port.counts.fallback += 1
                    return failed()
                }
                port.counts.workstation += 1
                start(channel)
            }
        }
    }

    /// Calls back once its settings are known, or it is over; never synchronously.
    func whenSettled(_ body: @escaping () -> Void) { settled = body }

    /// Passes a stream on, once there is a connection.
    func take(_ relay: HTTP2Relay) {
        guard let link else { return waiting.append(relay) }
        if relay.join(link, self) { return }
        // It takes no new streams: another connection does.
        gate.detach(self)
        gate.route(relay)
    }

    /// Its connection ended in the middle of this stream.
    func lose(_ relay: HTTP2Relay) { lost.append(relay) }

    /// Takes no new streams, and ends with the last of those it has, or when the time is over.
    func retire(within limit: TimeAmount?) {
        guard let link else { return isOver = true }
        if let limit { link.drain(within: limit) } else { link.drain() }
    }

    private func start(_ channel: any Channel) {
        guard !isOver else { return channel.close(promise: nil) }
        let configuration = HTTP2Limits.upstream(destination)
        Link.start(on: channel, role: .client, configuration: configuration).assumeIsolated().whenComplete { [self] in
            guard case .success(let link) = $0 else { return failed() }
            self.link = link
            link.onGoAway = { [self] in gate.detach(self) }
            link.onClose = { [self] in ended($0) }
            link.whenSettled { [self] in tellSettled() }
            let relays = waiting
            waiting = []
            for relay in relays where !relay.isOver { take(relay) }
        }
    }

    private func failed() {
        isOver = true
        let relays = waiting
        waiting = []
        gate.unreachable(self, relays.filter { !$0.isOver })
        tellSettled()
    }

    private func ended(_ reason: LinkCloseReason) {
        isOver = true
        let relays = lost
        lost = []
        gate.lost(self, reason, relays)
        tellSettled()
    }

    private func tellSettled() {
        let settled = settled
        self.settled = nil
        settled?()
    }
}
