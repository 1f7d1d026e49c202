import Actor
import HTTP2
import NIOCore
import Tunnel

/// The copies of one flow of datagrams for wiretaps.
///
/// As UDP itself does, it leaves out what does not fit; that is counted. Confined to the agent's event loop.
final class FlowTaps {
    /// Datagrams kept while a copy's tunnel is being opened.
    private static let maximumWaiting = 64

    private enum Copy {
        case opening([ByteBuffer])
        case open(UDPTunnel)
        /// The workstation did not take it, or has ended it.
        case over
    }

    private let link: AgentLink
    private var copies: [String: Copy] = [:]

    init(link: AgentLink) {
        self.link = link
    }

    /// Copies a datagram to these targets, and to no others any more.
    func send(_ datagram: ByteBuffer, to targets: [AgentRoutes.Target]) {
        if copies.count > targets.count || targets.contains(where: { copies[$0.attachmentID] == nil }) {
            let wanted = Set(targets.map(\.attachmentID))
            for id in copies.keys where !wanted.contains(id) { close(id) }
            for target in targets where copies[target.attachmentID] == nil { open(target) }
        }
        for target in targets {
            let id = target.attachmentID
            switch copies[id] {
            case .opening(var waiting)? where waiting.count < Self.maximumWaiting:
                waiting.append(datagram)
                copies[id] = .opening(waiting)
            case .open(let tunnel)? where tunnel.stream.queuedBytes + datagram.readableBytes <= TapCopy.limit:
                tunnel.send(datagram)
            case nil, .opening?, .open?, .over?: link.taps.dropped(id)
            }
        }
    }

    /// The flow is over.
    func close() {
        for id in copies.keys { close(id) }
    }

    private func open(_ target: AgentRoutes.Target) {
        let id = target.attachmentID
        link.taps.copied(id)
        guard link.hasWay(to: target) else {
            copies[id] = .over
            return
        }
        copies[id] = .opening([])
        link.openUDP(to: target, within: .seconds(5)) { [self] result in
            guard case .opening(let waiting)? = copies[id] else {
                if case .success(let tunnel) = result { tunnel.close() }
                return
            }
            guard case .success(let tunnel) = result else {
                copies[id] = .over
                for _ in waiting { link.taps.dropped(id) }
                return
            }
            // What it answers is thrown away: nobody asked it.
            tunnel.onClose = { [self] _ in copies[id] = .over }
            copies[id] = .open(tunnel)
            waiting.forEach(tunnel.send)
        }
    }

    private func close(_ id: String) {
        if case .open(let tunnel)? = copies.removeValue(forKey: id) { tunnel.close() }
    }
}
