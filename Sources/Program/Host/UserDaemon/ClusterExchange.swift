import HTTP2
import Network
import NIOCore
import Tunnel

/// DNS queries to the cluster's own resolver, through one UDP tunnel that is opened when needed.
///
/// Confined to the path's event loop.
final class ClusterExchange: DNSExchange {
    private static let maximumWaiting = 256

    private let datagrams: DatagramExchange
    private var dialler: TunnelDialler?
    private var server: TunnelDestination?
    private var tunnel: UDPTunnel?
    private var opening = false
    private var waiting: [ByteBuffer] = []

    init(eventLoop: any EventLoop) {
        datagrams = DatagramExchange(eventLoop: eventLoop)
        rearm()
    }

    /// Uses another link or server, or none; what is under way fails, and is asked again by its programs.
    ///
    /// Towards the same server over a new link nothing fails: the former tunnel stays for its last answers.
    func use(_ dialler: TunnelDialler?, server address: String) {
        if let dialler, let former = tunnel, address == server?.host {
            self.dialler = dialler
            tunnel = nil
            dialler.link.eventLoop.assumeIsolated().scheduleTask(in: .seconds(10)) { former.close() }
            return
        }
        tunnel?.close()
        tunnel = nil
        opening = false
        waiting = []
        self.dialler = dialler
        server = address.isEmpty ? nil : TunnelDestination(host: address, port: 53)
        datagrams.fail()
        rearm()
    }

    func exchange(_ query: [UInt8], reply: @escaping ([UInt8]?) -> Void) {
        guard dialler != nil, server != nil else { return reply(nil) }
        datagrams.exchange(query, reply: reply)
    }

    private func rearm() {
        datagrams.send = { [unowned self] in send($0) }
    }

    private func send(_ datagram: ByteBuffer) {
        if let tunnel { return tunnel.send(datagram) }
        if waiting.count < Self.maximumWaiting { waiting.append(datagram) }
        guard !opening, let dialler, let server else { return }
        opening = true
        dialler.openUDP(to: server, timeout: .seconds(5)) { [self] result in
            guard self.dialler === dialler else {
                if case .success(let stale) = result { stale.close() }
                return
            }
            opening = false
            switch result {
            case .success(let opened):
                tunnel = opened
                opened.onDatagram = { [self] in datagrams.receive($0) }
                opened.onClose = { [self] _ in
                    if tunnel === opened { tunnel = nil }
                }
                waiting.forEach(opened.send)
                waiting = []
            case .failure:
                waiting = []
                datagrams.fail()
                rearm()
            }
        }
    }
}
